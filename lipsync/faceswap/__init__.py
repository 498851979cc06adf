"""The second path, another person's face: face sets, networks, and the faces that they make.

autoencoder/    One encoder for two people's faces, and a decoder for each (METHOD.md §§8–10)
color           The new face in the colours of the target's
face_crop       The square in which whole faces are stored, learnt and made: a piece of the cano
faceset/        A person's faces, aligned and chosen from footage, in one file
identity_check  Whose faces a network has learnt, and which of the two people a set or a video s
maker           One person's face in another's place: from the target's frames to face-sized pat
masks           Where the new face is shown
preview         One frame under a grid of choices: the network is asked once, then every choice
"""
