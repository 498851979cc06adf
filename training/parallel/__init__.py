"""Processes and machines that share the work.

distributed  Process group of a training run: one process, or those started by torchrun
workers      Pool of worker processes that ends with its parent
"""
