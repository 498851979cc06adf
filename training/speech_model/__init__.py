"""Train the speech model: features → lips.

augment              Many voices, rooms and microphones from one recording; the lips stay true
batches              Clips → batches: crops of their sound and the lips that belong to it
breath_augmentation  Lips that part for breath as other people's do
options              What a training run can be told: a YAML file of configs/train/ → `TrainOpti
train                Train the network that turns speech into lips
trainer              A network in training: its optimiser, mixed precision, other processes, mea
"""
