"""One shared encoder for two people's faces, and a decoder for each (docs/method.md §§8–10).

The encoder learns what both have in common: pose, expression, lighting. The decoder adds the
identity. Faces are the inner part of `lipsync.faceswap.face_crop`, (b, 3, s, s), 0..1.

    blocks      layers that the networks are made of
    expression  landmarks that describe an expression: lips, lids, nose and chin
    gan         the generator of the GAN variant: color and alpha (docs/method.md §10)
    light       a network that learns two faces in tens of minutes on two cores
    network     the face autoencoder and its checkpoints
    original    the network of the first Deepfakes programs: 64 × 64 (docs/method.md §9)
"""

from __future__ import annotations

from lipsync.faceswap.autoencoder.network import (
    SIDES,
    Architecture,
    FaceAutoencoder,
    FaceDims,
    Side,
    other_side,
)

__all__ = [
    "SIDES",
    "Architecture",
    "FaceAutoencoder",
    "FaceDims",
    "Side",
    "other_side",
]
