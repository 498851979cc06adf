"""Which frames show a person's teeth, and laying their relief on a new mouth.

Symbols: h × w pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from lipsync.face.appearance import measure_skin_color
from lipsync.face.lip_mask import mask_inner_lips
from lipsync.face.similarity import apply_affine, compose_affine, affine_scale
from lipsync.types import F32, I64, N_LIPS, U8, Alignment, MouthBank

RELIEF = 0.02  # outer-eye distances: σ that parts the relief of teeth from their shading
CONTRAST = 1.0  # k of docs/method.md §5
MAX_ENTRIES = 400  # bank entries among which a row is looked for, and sharpness is learnt from
MIN_GAP = 0.05  # outer-eye distances between the inner lips, at least, to show teeth
MAX_REFERENCES, MAX_TRIED, MIN_FITS = 60, 24, 8  # frames that reliefs are tried on, tried reliefs, fewest fits
MIN_FRAMES_APART = 25  # frames: nearer ones are too alike to judge one another
MIN_MARGIN = 0.08  # by which one of the two ways must fit better
MIN_FIT = 0.2  # mean correlation of a relief with the teeth of other frames, to be used
MIN_AREA = 0.0012  # of a row, squared outer-eye distances: six teeth's edges at least
# Teeth are less red than skin: R/G below this share of the skin's, fully below the second one; and
# at least so bright as a share of the skin.
REDNESS, BRIGHTNESS = (0.97, 0.87), (0.25, 0.45)


@dataclass(frozen=True, eq=False)
class TeethRow:
    """One row of teeth in one frame of the footage."""

    relief: F32  # (h, w), what is finer than RELIEF, levels / 255
    mask: F32  # (h, w), 0..1: it is tooth
    to_crop: F32  # (2, 3), canonical → pixels of these pictures
    chin: F32  # (2,), canonical: where the chin was
    frame: int  # of the footage
    light: float  # mean of the teeth's luma, 0..1
    score: float = 0.0  # correlation with the teeth of other frames

    @property
    def area(self) -> float:
        """Of the teeth, squared outer-eye distances."""
        return float(self.mask.sum()) / affine_scale(self.to_crop) ** 2

    def adapt_to(self, scale: float, light: float) -> TeethRow:
        """The same for footage of so many pixels per outer-eye distance, whose teeth are so light.

        A photograph may be larger than the face it lends its teeth to, and taken in another light.
        """
        gain = light / max(self.light, 1 / 255)  # a black picture has no light to compare
        relief, mask, to_crop = self.relief * gain, self.mask, self.to_crop
        if affine_scale(to_crop) > scale:
            height, width = relief.shape
            size = [max(1, round(side * scale / affine_scale(to_crop))) for side in (width, height)]
            relief, mask = (
                cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (relief, mask)
            )
            smaller = np.array([[size[0] / width, 0], [0, size[1] / height]], np.float32)
            to_crop = smaller @ to_crop
            to_crop[:, 2] += np.diag(smaller) / 2 - 0.5  # pixels' places are those of their centres
        return replace(self, relief=relief, mask=mask, to_crop=to_crop, light=light)

    def warp_to(
        self, to_canonical: F32, chin: F32 | None, shape: tuple[int, ...]
    ) -> tuple[F32, F32]:
        """Relief and `where` on another picture's pixels, each of `shape`.

        Args:
            to_canonical: (2, 3), from that picture's pixels.
            chin: (2,), canonical, where the chin is there, for a row that moves with the jaw.
        """
        place = to_canonical.copy()
        if chin is not None:
            place[:, 2] += self.chin - chin
        matrix, size = compose_affine(self.to_crop, place), (shape[1], shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        relief, mask = (
            cv2.warpAffine(p, matrix, size, flags=flags) for p in (self.relief, self.mask)
        )
        return np.asarray(relief), np.asarray(mask)


@dataclass(frozen=True, eq=False)
class Teeth:
    """A person's rows, as far as they have been seen."""

    upper: TeethRow | None
    lower: TeethRow | None

    @property
    def rows(self) -> tuple[TeethRow, ...]:
        return tuple(row for row in (self.upper, self.lower) if row is not None)

    def __str__(self) -> str:
        seen = {"upper": self.upper, "lower": self.lower}
        return " and ".join(name for name, row in seen.items() if row is not None) or "none seen"


NO_TEETH = Teeth(None, None)


def tooth_mask(picture: U8, skin: F32) -> F32:
    """How much each pixel (h, w) of a picture looks like a tooth, 0..1, by its colour alone.

    Args:
        skin: (3,), colour of the skin in the same light, levels.
    """
    colour = picture.astype(np.float32)
    red = (colour[..., 0] + 1) / (colour[..., 1] + 1)
    white = _ramp(red / float((skin[0] + 1) / (skin[1] + 1)), *REDNESS)
    return white * _ramp(colour.mean(-1) / max(float(skin.mean()), 1), *BRIGHTNESS)


def _ramp(values: F32, zero: float, one: float) -> F32:
    t = np.clip((values - zero) / (one - zero), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def find_teeth(bank: MouthBank, given: MouthBank | None = None) -> Teeth:
    """The frames whose teeth are most like those of all other frames; a row may not be seen at all.

    Which row a frame shows cannot be told from its colours. But a relief of the upper row lies on
    the teeth of other frames if it is moved with the skull, one of the lower row if it is moved
    with the jaw: each frame is tried both ways on many others, and counts as what fits better.

    Args:
        bank: the person's, whose frames judge.
        given: where the rows are looked for, if not there. They are used even if the bank shows no
            teeth to judge them by: as the upper row then, which is the one that is mostly seen.
    """
    judges = _find_rows(bank)
    shown = judges if given is None else _adapt_rows(_find_rows(given), bank, judges)
    shown = sorted(shown, key=lambda row: -row.area)[:MAX_TRIED]
    judges = judges[:: max(1, len(judges) // MAX_REFERENCES)]
    best: dict[str, TeethRow] = {}
    for row in shown:
        others = [one for one in judges if given is not None or abs(one.frame - row.frame) > MIN_FRAMES_APART]
        fits = {name: _measure_fit(row, others, name == "lower") for name in ("upper", "lower")}
        name = max(fits, key=lambda each: fits[each])
        if abs(fits["upper"] - fits["lower"]) < MIN_MARGIN:
            continue
        if fits[name] > max(MIN_FIT, best[name].score if name in best else 0):
            best[name] = replace(row, score=fits[name])
    if given is not None and shown and not best:
        best["upper"] = shown[0]
    return Teeth(best.get("upper"), best.get("lower"))


def _adapt_rows(rows: list[TeethRow], bank: MouthBank, own: list[TeethRow]) -> list[TeethRow]:
    """Rows of another picture for this bank, which shows these itself."""
    scale = float(np.median(Alignment(bank.to_crop).scale))
    light = float(np.mean([row.light for row in own])) if own else None
    return [row.adapt_to(scale, row.light if light is None else light) for row in rows]


def _find_rows(bank: MouthBank) -> list[TeethRow]:
    """What is seen of the teeth in the bank's open mouths."""
    rows = (_extract_row(bank, int(entry)) for entry in _find_open_mouths(bank))
    return [row for row in rows if row is not None]


def _find_open_mouths(bank: MouthBank) -> I64:
    """Up to LOOKED_AT sharp entries of an open mouth in a usual pose, from all the footage."""
    gap = np.linalg.norm(bank.lips[:, 13] - bank.lips[:, 16], axis=-1)
    pose = bank.pose.reshape(len(bank), -1)
    off = np.abs(pose - np.median(pose, axis=0)).max(1)
    good = (gap > MIN_GAP) & (bank.quality > 0)
    if not good.any():
        return np.zeros(0, np.int64)
    good &= off <= np.percentile(off[good], 75)
    good &= bank.quality >= np.median(bank.quality[good])
    some = np.flatnonzero(good)
    spread = np.linspace(0, len(some) - 1, min(len(some), MAX_ENTRIES)).astype(int)
    return np.asarray(some[spread], np.int64)


def _extract_row(bank: MouthBank, entry: int) -> TeethRow | None:
    """The teeth that an entry shows; None: hardly any."""
    crop, lips, to_crop = bank.crops[entry], bank.control[entry, :N_LIPS], bank.to_crop[entry]
    scale = affine_scale(to_crop)
    low = np.maximum(np.floor(lips.min(0)) - 2, 0).astype(int)
    high = np.minimum(np.ceil(lips.max(0)) + 3, crop.shape[1::-1]).astype(int)
    if (high - low < 4).any():
        return None
    piece = np.ascontiguousarray(crop[low[1] : high[1], low[0] : high[0]])
    mask = tooth_mask(piece, measure_skin_color(crop, to_crop))
    mask *= mask_inner_lips(lips - low, piece.shape[:2], 0.5)
    if mask.sum() < MIN_AREA * scale**2:
        return None
    gray = cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    # Against the mean of the teeth around, so that the lips beside them leave no rim.
    around, share = (cv2.GaussianBlur(v, (0, 0), RELIEF * scale) for v in (gray * mask, mask))
    relief = np.asarray((gray - around / np.maximum(share, 1e-3)) * mask, np.float32)
    to_piece = to_crop.copy()
    to_piece[:, 2] -= low
    canonical = apply_affine(Alignment(to_crop[None]).to_canonical[0], bank.control[entry])
    light = float((gray * mask).sum() / mask.sum())
    return TeethRow(relief, mask, to_piece, locate_chin(canonical), int(bank.frames[entry]), light)


def _measure_fit(row: TeethRow, others: list[TeethRow], jaw: bool) -> float:
    """Mean correlation of a relief with the teeth of other frames, where both show teeth.

    Args:
        jaw: the relief is moved with the jaw, not with the skull.
    """
    fits = []
    for other in others:
        place = Alignment(other.to_crop[None]).to_canonical[0].copy()
        relief, mask = row.warp_to(place, other.chin if jaw else None, other.relief.shape)
        weight = mask * other.mask
        total = float(weight.sum())
        if total < MIN_AREA * affine_scale(other.to_crop) ** 2 / 2:
            continue
        mine, theirs = (v - (weight * v).sum() / total for v in (relief, other.relief))
        norm = float((weight * mine**2).sum() * (weight * theirs**2).sum())
        if norm > 0:
            fits.append(float((weight * mine * theirs).sum()) / norm**0.5)
    return float(np.mean(fits)) if len(fits) >= MIN_FITS else 0.0


def locate_chin(points: F32) -> F32:
    """Where the chin is, (2,): the middle of the three lowest of canonical points (k, 2)."""
    lowest = np.argpartition(-points[:, 1], 3)[:3]
    return np.asarray(points[lowest].mean(0), np.float32)


def apply_relief(rgb: U8, lips: F32, to_patch: F32, chin: F32, teeth: Teeth, strength: float) -> U8:
    """A patch with the rows' relief laid on its own teeth by hard light.

    Args:
        chin: (2,), canonical, where the jaw is now: the lower row goes with it.
    """
    height, width = rgb.shape[:2]
    low = np.maximum(np.floor(lips.min(0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(lips.max(0)) + 2, [width, height]).astype(int)
    if (high - low < 3).any():
        return rgb
    box = slice(low[1], high[1]), slice(low[0], high[0])
    piece = rgb[box]
    inside = mask_inner_lips(lips - low, piece.shape[:2], 0.5)
    mine = tooth_mask(piece, measure_skin_color(rgb, to_patch)) * inside
    if mine.sum() < 4:
        return rgb
    canonical = Alignment(to_patch[None]).to_canonical[0].copy()
    canonical[:, 2] += canonical[:, :2] @ low
    relief, weight = np.zeros_like(mine), np.zeros_like(mine)
    for row in teeth.rows:
        theirs, mask = row.warp_to(canonical, chin if row is teeth.lower else None, mine.shape)
        weight += mask
        relief += mask * theirs
    shown = strength * np.minimum(weight, 1) * mine
    light = np.clip(0.5 + CONTRAST * shown * relief / np.maximum(weight, 1e-6), 0, 1)[..., None]
    own = piece.astype(np.float32) / 255
    hard = np.where(light < 0.5, 2 * own * light, 1 - 2 * (1 - own) * (1 - light))
    result = rgb.copy()
    result[box] = np.clip(np.rint(255 * hard), 0, 255).astype(np.uint8)
    return result
