"""Train the speech model: audio features → lips.

augment              Voice, room and microphone augmentation of power spectra
batches              Clips → padded training set → batches of random crops
breath_augmentation  Widen the lips before and after speech, as for breathing
options              Options of a run, read from a YAML file
train                Command: train the speech model
trainer              Optimizer, mixed precision, distributed gradients and averaged weights
"""
