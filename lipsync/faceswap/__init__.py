"""The second path, another person's face: face sets, autoencoders, generated faces.

autoencoder/    one encoder for two people's faces, and a decoder for each
color           matching the generated face's colors to the target's
face_crop       the square crop in which whole faces are stored, learned and generated
faceset/        a person's faces, selected from footage and stored in one file
identity_check  which of a network's two people a face set or a video shows
maker           generated faces: from the target's frames to patches
masks           how much of the generated face each pixel shows, and what occludes it
preview         one frame under a grid of choices
visibility      in which frames the generated face is visible
"""
