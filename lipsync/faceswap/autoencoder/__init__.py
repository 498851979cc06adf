"""One encoder for two people's faces, and a decoder for each (METHOD.md §§8–10).

The encoder learns what both have in common: pose, expression, light. Whoever's decoder is used
lends the identity. Faces are the inner part of `lipsync.faceswap.face_crop`, (b, 3, s, s), 0..1.

    blocks      Pieces that the networks are made of. Feature maps are (b, c, h, w)
    expression  Landmarks that tell a network what a face does: where lips, lids, nose and chin are
    gan         The generator of the GAN variant (METHOD.md §10): colours and how much of them to sh
    light       A network that learns two faces in tens of minutes on two cores
    network     The face autoencoder: one encoder for two people, a decoder for each
    original    The network of the first Deepfakes programs (METHOD.md §9): 64 × 64, 82.06 million w
"""

from __future__ import annotations

from lipsync.faceswap.autoencoder.network import (
    SIDES,
    Architecture,
    FaceAutoencoder,
    FaceDims,
    Side,
)

__all__ = [
    "SIDES",
    "Architecture",
    "FaceAutoencoder",
    "FaceDims",
    "Side",
]
