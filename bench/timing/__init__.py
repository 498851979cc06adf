"""Retiming.

retiming  Head motion in pauses and in speech, for every timing mode → timing.md
"""
