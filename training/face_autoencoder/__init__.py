"""Train the face-swap autoencoders.

augment          Augmentation of face crops: similarity, grid warp, occluders
batches          Two face sets → reproducible training batches
losses           Reconstruction and mask losses
options          Options of a run, read from a YAML file
perceptual       Perceptual loss: features of a small network trained on the same faces
train            Command: train a face swap between two people
trainer          Optimizers, mixed precision, discriminators and averaged weights
training_report  Held-out PSNR, preview grid and loss curves of a run
"""
