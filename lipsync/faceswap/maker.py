"""One person's face in another's place: from the target's frames to face-sized patches.

Each frame's face is aligned, encoded, and decoded by the other person's decoder. What comes back
is a `Patch`, so that compositing, encoding and marking are those of every other path.

masks    where the new face is shown: hull, learned mask, what is before the face
color    matching the new face's colours to the target's
preview  a grid of choices on one frame
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
import torch
from pydantic import Field
from scipy.ndimage import gaussian_filter1d, minimum_filter1d

from lipsync.errors import OptionsError
from lipsync.face.similarity import apply, compose
from lipsync.face.thin_plate import CoarseGrid, ThinPlate
from lipsync.face.tracked_face import smoothed_points
from lipsync.faceswap import color, masks
from lipsync.faceswap.autoencoder import FaceAutoencoder, Side, expression
from lipsync.faceswap.autoencoder.network import to_tensor
from lipsync.faceswap.color import ColorMatch
from lipsync.faceswap.face_crop import INNER, cut_face, face_matrix, face_outlines, inverse
from lipsync.faceswap.masks import MaskKind
from lipsync.runtime.option_spec import options
from lipsync.types import F32, U8, Alignment, Bools, FaceTrack, LandmarkScheme, Patch

FADE_S = 0.12  # over which the new face goes before a gap, and returns after it
MOVING_S = 0.08  # over which the landmarks that tell an expression are smoothed
USUAL_ERROR = 0.03  # RMS of a reconstruction, 0..1, where the checkpoint does not say
# A face's landmarks (k, 2) in a picture of it (s, s, 3), pixels; None: none found.
Landmarks = Callable[[U8], "F32 | None"]


@options
class FaceOptions:
    """How the new face is made and set in."""

    mask: MaskKind = "both"
    """Where it is shown: within the hull of the landmarks, the network's learned mask, or both."""
    expand: Annotated[float, Field(ge=-0.5, le=0.5)] = -0.08
    """Move the mask's border outwards by this share of the face; negative: inwards."""
    feather: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """Softness of the mask's border, in outer-eye distances."""
    color: ColorMatch = "lab"
    """Match its colours to the target's: mean and spread in CIELAB, histogram, or none."""
    sharpen: Annotated[float, Field(ge=0, le=3)] = 0.5
    """Unsharp masking of the new face."""
    landmark_warp: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Bend it so that its landmarks come nearer to the target's; 1: all the way."""
    seamless: bool = False
    """Also fit its light to the border's (as Poisson cloning does); it can flicker."""
    face_grain: bool = True
    """Give it as much noise as the frame has."""
    face_occlusion: bool = True
    """Keep in front what the target holds before the face."""
    bridge: Annotated[float, Field(ge=0, le=2)] = 0.2
    """Interpolate over gaps in which no face is found, if they are not longer (s)."""


@dataclass(frozen=True, eq=False)
class Visibility:
    """How visible the new face is in each target frame."""

    share: F32  # (n,), 0..1
    bridged: Bools  # (n,), interpolated: no face was found, but just before and after


def visibility(track: FaceTrack, bridge_s: float) -> Visibility:
    """Shown where a face is found or the gap is short; fading before and after longer gaps."""
    rate = float(track.fps)
    longest, reach = round(bridge_s * rate), max(1, round(FADE_S * rate))
    share, bridged = np.zeros(len(track), np.float32), np.zeros(len(track), bool)
    for first, end in track.shots():
        there = track.found[first:end].copy()
        edges = np.flatnonzero(np.diff(np.pad(~there, 1).astype(np.int8)))
        for a, b in zip(edges[::2], edges[1::2], strict=True):
            # A gap at a shot's edge has nothing on one side to be interpolated from.
            if b - a <= longest and a > 0 and b < len(there):
                bridged[first + a : first + b] = there[a:b] = True
        free = minimum_filter1d(there.astype(np.float32), 2 * reach + 1, mode="nearest")
        eased = gaussian_filter1d(free, reach / 2, mode="nearest")
        share[first:end] = np.where(there, eased, 0)
    return Visibility(share, bridged)


@dataclass(frozen=True, eq=False)
class Made:
    """One frame's face, before it is matched and masked; all of R × R pixels, 0..1."""

    face: F32  # (R, R, 3), the target's, aligned
    new: F32  # (R, R, 3), the same with the other identity
    mask: F32 | None  # (R, R), the network's
    own: F32  # (R, R, 3), the target's as its own decoder makes it
    to_face: F32  # (2, 3), frame → these pixels
    points: F32  # (k, 2), the target's landmarks


class FaceMaker:
    """Makes faces of one identity from frames of the other person.

    Args:
        network: from `FaceAutoencoder.load`.
        source: whose face is to be shown; the target is the other one.
        landmarks: finds a face's landmarks in a picture; only for `landmark_warp`.
    """

    def __init__(
        self, network: FaceAutoencoder, source: Side, landmarks: Landmarks | None = None
    ) -> None:
        self.network, self.source, self.landmarks = network, source, landmarks
        self.target: Side = "b" if source == "a" else "a"
        figures: dict[str, Any] = network.meta.get("held_out_psnr_db", {})
        db = figures.get(self.target)
        self.error = USUAL_ERROR if db is None else 10 ** (-float(db) / 20)

    def check(self, scheme: LandmarkScheme) -> None:
        """Raises:
        OptionsError: the network was told other landmarks than this detector's.
        """
        known = self.network.meta.get("scheme")
        if self.network.dims.marks and known != scheme.name:
            raise OptionsError(
                f"--landmarks: the model was taught those of {known}, these are {scheme.name}; "
                "take the detector with which its faces were extracted"
            )

    @torch.no_grad()
    def make(
        self, frame: U8, to_frame: F32, to_canonical: F32, points: F32, moving: F32 | None = None
    ) -> Made:
        """The new face of one frame.

        Args:
            to_frame, to_canonical: (2, 3), of the alignment.
            points: (k, 2) landmarks, frame pixels, calm enough to bound the face.
            moving: the same, as quick as the face; None: `points` are.
        """
        size = self.network.dims.size
        cut = cut_face(frame, to_frame, size, INNER)
        device = self.network.device
        faces = self.network.toned(to_tensor(cut[None]).to(device), self.target)
        to_face = compose(face_matrix(size, INNER), to_canonical)
        seen = apply(to_face, points if moving is None else moving)
        code = self.network.code(faces, self._expression(seen))
        new, mask = _pair(self.network.decoders[self.source](code))
        own, _ = _pair(self.network.decoders[self.target](code))
        return Made(
            _array(faces), _array(new), None if mask is None else _array(mask)[..., 0], _array(own),
            to_face, apply(to_face, points),
        )  # fmt: skip

    def _expression(self, points: F32) -> torch.Tensor | None:
        """From landmarks (k, 2), pixels of the network's picture."""
        if not self.network.dims.marks:
            return None
        known = expression.of_scheme(self.network.meta["scheme"], points)
        return self.network.expression(torch.from_numpy(known)[None], self.target)

    def patch(self, made: Made, how: FaceOptions) -> Patch:
        """Match, sharpen and mask a face: all of it that depends on the options."""
        size = made.new.shape[0]
        new = made.new
        if how.landmark_warp and self.landmarks is not None:
            new = self._bent(new, made.points, how.landmark_warp)
        # The untoned face is what the frame shows; A's was shifted for the encoder.
        shift = self.network.get_buffer("shift").cpu().numpy()
        face = made.face - shift if self.target == "a" else made.face
        skin, free = masks.skin(made.points, size), None
        if how.face_occlusion:
            free = masks.uncovered(made.face, made.own, self.error, skin)
        alpha = masks.alpha(size, made.mask, free, how.mask, how.expand, how.feather)
        alpha = alpha * masks.below_hair(made.points, size)[:, None]
        skin = skin if free is None else skin * free
        new = color.matched(new, face, skin > 0.5, how.color)
        if how.sharpen:
            soft = cv2.GaussianBlur(new, (0, 0), 1.5 * size / 112)
            new = new + how.sharpen * (new - soft)
        rgb = np.rint(np.clip(new, 0, 1) * 255).astype(np.uint8)
        return Patch(rgb, alpha, made.to_face)

    def _bent(self, new: F32, wanted: F32, amount: float) -> F32:
        """The new face with its landmarks moved towards the target's."""
        assert self.landmarks is not None  # noqa: S101  (asked before)
        size = new.shape[0]
        there = self.landmarks(np.rint(np.clip(new, 0, 1) * 255).astype(np.uint8))
        if there is None or len(there) != len(wanted):
            return new
        goal = there + amount * (wanted - there)
        grid = CoarseGrid(size, size)
        # 60 points of the 478 hold the face; more would only follow the detector's noise.
        some = np.linspace(0, len(there) - 1, min(60, len(there))).astype(int)
        plate = ThinPlate(goal[some] / size, grid.points / size, 1e-3)
        places = grid.refined(plate.maps_to(there[some] / size) * size)
        return np.asarray(
            cv2.remap(new, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )


def outlines(track: FaceTrack, alignment: Alignment, how: FaceOptions) -> F32:
    """What bounds the new face in every frame, (n, k, 2) pixels; NaN in shots without a face."""
    if how.mask == "learned":
        size = 64
        corners = np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float32) - 0.5
        square = apply(inverse(face_matrix(size, INNER)), corners)
        return np.stack([apply(matrix, square) for matrix in alignment.to_frame])
    return face_outlines(track, alignment, how.expand)


def patches(
    frames: Iterable[U8],
    maker: FaceMaker,
    track: FaceTrack,
    alignment: Alignment,
    points: F32,
    share: F32,
    how: FaceOptions,
) -> Iterator[Patch | None]:
    """A patch for every target frame in which the new face is visible.

    Args:
        points: (n, k, 2) landmarks without gaps (`geometry.smoothed_points`).
        share: (n,), of `visibility`.
    """
    to_canonical = alignment.to_canonical
    moving = smoothed_points(track, range(track.scheme.count), MOVING_S)
    for i, frame in enumerate(frames):
        if share[i] <= 0 or not np.isfinite(points[i]).all():
            yield None
            continue
        made = maker.make(frame, alignment.to_frame[i], to_canonical[i], points[i], moving[i])
        yield maker.patch(made, how)


def _pair(made: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    return made if isinstance(made, tuple) else (made, None)


def _array(batch: torch.Tensor) -> F32:
    """(1, c, h, w) → (h, w, c)."""
    return np.ascontiguousarray(batch[0].float().permute(1, 2, 0).cpu().numpy())
