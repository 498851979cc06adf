"""Shared by the benchmarks.

files      Files that a command line names, one by one or by folder
pages      Update single sections of a page
processes  What a command costs: time and memory of it and all that it starts
"""
