"""Generated faces: from the target's frames to patches that show the source's face.

The target's face is cropped, encoded, and decoded by the source's decoder. The result is a `Patch`,
which is composited, encoded and marked like every other patch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from pydantic import Field

from lipsync.errors import OptionsError
from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.face.smoothing import smooth_points
from lipsync.face.thin_plate import CoarseGrid, ThinPlate
from lipsync.face.tracked_face import TrackedFace
from lipsync.faceswap import color, masks
from lipsync.faceswap.autoencoder import FaceAutoencoder, Side, expression, other_side
from lipsync.faceswap.autoencoder.network import to_tensor
from lipsync.faceswap.color import ColorMatch
from lipsync.faceswap.face_crop import (
    INNER,
    canonical_to_crop,
    crop_face,
    face_outlines,
    invert_affine,
)
from lipsync.faceswap.masks import MaskKind
from lipsync.runtime.option_spec import option_group
from lipsync.types import F32, U8, LandmarkScheme, Patch

EXPRESSION_SMOOTHING_S = 0.08  # of expression landmarks: less than the usual 0.12, to keep speech
DEFAULT_ERROR = 0.03  # RMS reconstruction error, 0..1, where the checkpoint has no figure
WARP_POINTS = 60  # landmarks of 478 that bend a face: more would only follow the detector's noise
# Finds a face's landmarks (k, 2), pixels, in a picture of it (s, s, 3); None: none found.
LandmarkFinder = Callable[[U8], "F32 | None"]


@option_group
class FaceOptions:
    """How the new face is generated and composited."""

    mask: MaskKind = "both"
    """What bounds the new face: the hull of the landmarks, the network's learned mask, or both."""
    expand: Annotated[float, Field(ge=-0.5, le=0.5)] = -0.08
    """Move the mask's border outwards by this share of the face; negative: inwards."""
    feather: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Softness of the mask's border, in outer-eye distances."""
    color: ColorMatch = "lab"
    """Match colors to the target's: mean and spread in CIELAB, histogram, or none."""
    sharpen: Annotated[float, Field(ge=0, le=3)] = 0.5
    """Unsharp masking of the new face."""
    landmark_warp: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Warp the new face toward the target's landmarks; 1: all the way."""
    seamless: bool = False
    """Also fit its lighting to the border's (as Poisson cloning does); it can flicker."""
    face_grain: bool = True
    """Add as much noise to the new face as the frame has."""
    face_occlusion: bool = True
    """Keep what is in front of the target's face, such as a hand."""
    bridge: Annotated[float, Field(ge=0, le=2)] = 0.2
    """Interpolate over gaps without a detected face up to this long (s)."""


@dataclass(frozen=True, eq=False)
class MadeFace:
    """One frame's face before color matching and masking; all of R × R pixels, 0..1."""

    face: F32  # (R, R, 3), the target's, aligned, in the colors that the encoder knows
    new: F32  # (R, R, 3), the same with the other identity
    mask: F32 | None  # (R, R), the network's
    own: F32  # (R, R, 3), the target's as its own decoder reconstructs it
    to_face: F32  # (2, 3), frame → these pixels
    points: F32  # (k, 2), the target's landmarks


class FaceMaker:
    """Makes faces of one identity from frames of the other person.

    Args:
        network: from `FaceAutoencoder.load`.
        source: whose face is shown; the target is the other one.
        find_landmarks: finds a face's landmarks in a picture; needed for `landmark_warp` only.
    """

    def __init__(
        self,
        network: FaceAutoencoder,
        source: Side,
        find_landmarks: LandmarkFinder | None = None,
    ) -> None:
        self.network, self.source, self.find_landmarks = network, source, find_landmarks
        self.target = other_side(source)
        psnr: dict[str, Any] = network.meta.get("held_out_psnr_db", {})
        db = psnr.get(self.target)
        self.error = DEFAULT_ERROR if db is None else 10 ** (-float(db) / 20)

    def check_scheme(self, scheme: LandmarkScheme) -> None:
        """Check that the target's landmarks are of the kind that the network was trained with.

        Raises:
            OptionsError: they are another detector's.
        """
        known = self.network.meta.get("scheme")
        if self.network.dims.marks and known != scheme.name:
            raise OptionsError(
                f"--landmarks: the model was taught those of {known}, these are {scheme.name}; "
                "take the detector with which its faces were extracted"
            )

    @torch.no_grad()
    def make(
        self,
        frame: U8,
        to_frame: F32,
        to_canonical: F32,
        points: F32,
        expression_points: F32 | None = None,
    ) -> MadeFace:
        """Generate the new face of one frame.

        Args:
            to_frame, to_canonical: (2, 3), of the alignment.
            points: (k, 2) landmarks, frame pixels, smooth enough to bound the face.
            expression_points: (k, 2), less smoothed, to follow the expression; None: `points`.
        """
        size = self.network.dims.size
        crop = crop_face(frame, to_frame, size, INNER)
        device = self.network.device
        faces = self.network.to_encoder_color(to_tensor(crop[None]).to(device), self.target)
        to_face = compose_affine(canonical_to_crop(size, INNER), to_canonical)
        seen = apply_affine(to_face, points if expression_points is None else expression_points)
        code = self.network.encode(faces, self._expression(seen))
        new, mask = _split_mask(self.network.decoders[self.source](code))
        own, _ = _split_mask(self.network.decoders[self.target](code))
        return MadeFace(
            face=_to_array(faces),
            new=_to_array(new),
            mask=None if mask is None else _to_array(mask)[..., 0],
            own=_to_array(own),
            to_face=to_face,
            points=apply_affine(to_face, points),
        )

    def _expression(self, points: F32) -> torch.Tensor | None:
        """The encoder's expression input from landmarks (k, 2), pixels of the network's crop."""
        if not self.network.dims.marks:
            return None
        chosen = expression.select_landmarks(self.network.meta["scheme"], points)
        return self.network.normalize_expression(torch.from_numpy(chosen)[None], self.target)

    def finish_patch(self, made: MadeFace, options: FaceOptions) -> Patch:
        """Match, sharpen and mask a face: every step that depends on the options."""
        size = made.new.shape[0]
        new = made.new
        if options.landmark_warp and self.find_landmarks is not None:
            new = self.warp_to_landmarks(new, made.points, options.landmark_warp)
        # The frame shows the face in its own colors; A's were shifted for the encoder.
        shift = self.network.get_buffer("shift").cpu().numpy()
        face = made.face - shift if self.target == "a" else made.face
        skin, unoccluded = masks.skin_mask(made.points, size), None
        if options.face_occlusion:
            unoccluded = masks.unoccluded_mask(made.face, made.own, self.error, skin)
        alpha = masks.patch_alpha(
            size, made.mask, unoccluded, options.mask, options.expand, options.feather
        )
        alpha = alpha * masks.forehead_fade(made.points, size)[:, None]
        skin = skin if unoccluded is None else skin * unoccluded
        new = color.match_color(new, face, skin > 0.5, options.color)
        if options.sharpen:
            soft = cv2.GaussianBlur(new, (0, 0), 1.5 * size / 112)
            new = new + options.sharpen * (new - soft)
        rgb = np.rint(np.clip(new, 0, 1) * 255).astype(np.uint8)
        return Patch(rgb, alpha, made.to_face)

    def warp_to_landmarks(self, new: F32, wanted: F32, amount: float) -> F32:
        """Warp a new face (R, R, 3) so that its landmarks move toward the wanted ones (k, 2).

        Args:
            amount: 0..1, how far they move. A face without landmarks is returned as it is.
        """
        if self.find_landmarks is None:
            return new
        size = new.shape[0]
        found = self.find_landmarks(np.rint(np.clip(new, 0, 1) * 255).astype(np.uint8))
        if found is None or len(found) != len(wanted):
            return new
        goal = found + amount * (wanted - found)
        grid = CoarseGrid(size, size)
        chosen = np.linspace(0, len(found) - 1, min(WARP_POINTS, len(found))).astype(int)
        plate = ThinPlate(goal[chosen] / size, grid.points / size, 1e-3)
        coords = grid.upsample(plate.map_to(found[chosen] / size) * size)
        return np.asarray(
            cv2.remap(new, coords, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )


def mask_outlines(face: TrackedFace, landmarks: F32, options: FaceOptions) -> F32:
    """The new face's boundary in every frame, (f, k, 2) pixels; NaN in shots without a face.

    Args:
        landmarks: from `face_crop.smooth_landmarks`.
    """
    if options.mask == "learned":
        size = 64
        corners = np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float32) - 0.5
        square = apply_affine(invert_affine(canonical_to_crop(size, INNER)), corners)
        return np.stack([apply_affine(matrix, square) for matrix in face.alignment.to_frame])
    return face_outlines(face, landmarks, options.expand)


def make_patches(
    frames: Iterable[U8],
    maker: FaceMaker,
    face: TrackedFace,
    landmarks: F32,
    share: F32,
    options: FaceOptions,
) -> Iterator[Patch | None]:
    """A patch for every target frame in which the new face is visible, else None.

    Args:
        landmarks: (f, k, 2), from `face_crop.smooth_landmarks`.
        share: (f,), from `compute_visibility`.
    """
    to_frame, to_canonical = face.alignment.to_frame, face.alignment.to_canonical
    moving = smooth_points(face.track, range(face.scheme.count), EXPRESSION_SMOOTHING_S)
    for i, frame in enumerate(frames):
        if share[i] <= 0 or not np.isfinite(landmarks[i]).all():
            yield None
            continue
        made = maker.make(frame, to_frame[i], to_canonical[i], landmarks[i], moving[i])
        yield maker.finish_patch(made, options)


def _split_mask(decoded: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """A decoder's output as colors and mask; the original network makes no mask."""
    return decoded if isinstance(decoded, tuple) else (decoded, None)


def _to_array(batch: torch.Tensor) -> F32:
    """(1, c, h, w) → (h, w, c)."""
    return np.ascontiguousarray(batch[0].float().permute(1, 2, 0).cpu().numpy())
