"""Train a neural mouth decoder of one person.

early_stopping  Training loop with held-out reports and early stopping
options         Options of `lipsync train-mouth`
pairs           Training pairs: leave-one-out median textures and the true pictures
run             One training run: its files, reports, stopping and resuming
trainer         Losses, optimizers, averaged weights and held-out metrics of the decoder
"""
