"""Processes and machines that share the work.

distributed  The processes that train together: one by itself, or those that torchrun started
workers      Processes that share the work on many files; they end with the one that started the
"""
