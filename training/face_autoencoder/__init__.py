"""Train the face-swap autoencoders.

augment     What a face goes through before an autoencoder sees it (METHOD.md §9)
batches     Two sets of faces as batches
losses      What a face autoencoder is to get right; each part a function of its own (METHOD.md
options     What a run of `train_autoencoder` can be told: a YAML file of configs/train/
perceptual  Features by which two faces can be compared, of a small network trained on the faces
progress    What a running training shows: held-out figures, a grid of faces, curves of the loss
train       Train a face swap: one encoder for two people's faces, and a decoder for each
trainer     A face autoencoder in training: optimisers, mixed precision, other processes, mean w
"""
