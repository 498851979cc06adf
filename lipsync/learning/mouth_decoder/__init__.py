"""Train a decoder of one person's mouth.

early_stopping  The course of a training: steps, held-out reports, and when it is over
options         What the training of a mouth can be told
pairs           What a decoder learns from: medians of mouths whose true picture is known
trainer         How a decoder learns one person's mouth from leave-one-out pairs
"""
