"""Shared by the benchmarks.

pages  Update single sections of a page
"""
