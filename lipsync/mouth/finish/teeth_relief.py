"""Teeth relief: find frames that show a person's teeth, and blend their relief onto a mouth.

Symbols: h × w pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from lipsync.face.appearance import measure_skin_color
from lipsync.face.lip_mask import mask_inner_lips
from lipsync.face.similarity import affine_scale, apply_affine, compose_affine
from lipsync.runtime.numeric import smoothstep
from lipsync.types import F32, I64, N_LIPS, U8, Alignment, MouthBank

RELIEF = 0.02  # outer-eye distances: σ that separates the relief of teeth from their shading
CONTRAST = 1.0  # k of docs/method.md §5
MAX_ENTRIES = 400  # bank entries among which rows of teeth are searched
MIN_GAP = 0.05  # outer-eye distances between the inner lips, to show teeth
MAX_POSE_PERCENTILE = 75  # of the deviation from the median pose: turned heads are left out
MAX_REFERENCES, MAX_TRIED = 60, 24  # frames that reliefs are compared with; reliefs compared
MIN_FITS = 8  # frames that a relief must overlap with
MIN_APART_S = 1.0  # closer frames are too similar to be compared
MIN_MARGIN = 0.08  # by which the fit as one row must exceed the fit as the other
MIN_FIT = 0.2  # mean correlation of a usable relief with the teeth of other frames
MIN_AREA = 0.0012  # of a row, squared outer-eye distances: the edges of six teeth
MIN_AREA_PX = 4  # of teeth in a patch
MASK_SOFT_PX = 0.5  # σ of the mask of the mouth's opening
# Teeth are less red than skin and not too dark: ramps from 0 to 1 of R/G and of the brightness,
# both as shares of the skin's.
REDNESS, BRIGHTNESS = (0.97, 0.87), (0.25, 0.45)


@dataclass(frozen=True, eq=False)
class TeethRow:
    """One row of teeth in one frame of the footage."""

    relief: F32  # (h, w), detail finer than RELIEF, levels / 255
    mask: F32  # (h, w), 0..1, of the teeth
    to_crop: F32  # (2, 3), canonical → pixels of relief and mask
    chin: F32  # (2,), canonical
    time: float  # in the footage, seconds
    light: float  # mean of the teeth's luma, 0..1
    score: float = 0.0  # correlation with the teeth of other frames

    @property
    def area(self) -> float:
        """Area of the teeth, squared outer-eye distances."""
        return float(self.mask.sum()) / affine_scale(self.to_crop) ** 2

    def adapt_to(self, scale: float, light: float) -> TeethRow:
        """Adapt the row to footage of another resolution and brightness.

        A photograph may be larger than the face that gets its teeth, and taken in another light.

        Args:
            scale: pixels per outer-eye distance, at most.
            light: mean luma of the footage's teeth, 0..1.
        """
        gain = light / max(self.light, 1 / 255)  # a black picture has no brightness to compare
        relief, mask, to_crop = self.relief * gain, self.mask, self.to_crop
        if affine_scale(to_crop) > scale:
            height, width = relief.shape
            size = [max(1, round(side * scale / affine_scale(to_crop))) for side in (width, height)]
            relief, mask = (
                cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (relief, mask)
            )
            smaller = np.array([[size[0] / width, 0], [0, size[1] / height]], np.float32)
            to_crop = smaller @ to_crop
            to_crop[:, 2] += np.diag(smaller) / 2 - 0.5  # coordinates are of pixel centers
        return replace(self, relief=relief, mask=mask, to_crop=to_crop, light=light)

    def warp_to(
        self, to_canonical: F32, chin: F32 | None, shape: tuple[int, ...]
    ) -> tuple[F32, F32]:
        """Warp relief and mask to another picture, each of `shape`.

        Args:
            to_canonical: (2, 3), from that picture's pixels.
            chin: (2,), canonical, of that picture, for a row that moves with the jaw; None: it
                moves with the skull.
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
    """A person's rows of teeth; None where no frame shows one."""

    upper: TeethRow | None
    lower: TeethRow | None

    @property
    def rows(self) -> tuple[TeethRow, ...]:
        """The rows that are known."""
        return tuple(row for row in (self.upper, self.lower) if row is not None)

    def __str__(self) -> str:
        seen = {"upper": self.upper, "lower": self.lower}
        return " and ".join(name for name, row in seen.items() if row is not None) or "none seen"


NO_TEETH = Teeth(None, None)


def tooth_mask(picture: U8, skin: F32) -> F32:
    """Score how tooth-like the color of each pixel is, (h, w), 0..1.

    Args:
        picture: (h, w, 3).
        skin: (3,), color of the skin in the same light, levels.
    """
    color = picture.astype(np.float32)
    red = (color[..., 0] + 1) / (color[..., 1] + 1)
    white = _ramp(red / float((skin[0] + 1) / (skin[1] + 1)), *REDNESS)
    return white * _ramp(color.mean(-1) / max(float(skin.mean()), 1), *BRIGHTNESS)


def _ramp(values: F32, zero: float, one: float) -> F32:
    return np.asarray(smoothstep(np.clip((values - zero) / (one - zero), 0, 1)), np.float32)


def find_teeth(bank: MouthBank, given: MouthBank | None = None) -> Teeth:
    """Find the upper and the lower row whose relief matches the teeth of other frames best.

    Color does not tell which row a frame shows. But a relief of the upper row coincides with the
    teeth of other frames if it is moved with the skull, one of the lower row if it is moved with
    the jaw: each candidate is compared with many frames both ways and counts as the better fit.

    Args:
        bank: the person's own mouths, which candidates are compared with.
        given: bank to take the rows from instead. They are used even if the person's bank shows no
            teeth to compare with: then as the upper row, which is the one mostly seen.
    """
    references = _find_rows(bank)
    tried = references if given is None else _adapt_rows(_find_rows(given), bank, references)
    tried = sorted(tried, key=lambda row: -row.area)[:MAX_TRIED]
    references = references[:: max(1, len(references) // MAX_REFERENCES)]
    best: dict[str, TeethRow] = {}
    for row in tried:
        others = [
            one for one in references if given is not None or abs(one.time - row.time) > MIN_APART_S
        ]
        fits = {name: _measure_fit(row, others, name == "lower") for name in ("upper", "lower")}
        name = max(fits, key=lambda each: fits[each])
        if abs(fits["upper"] - fits["lower"]) < MIN_MARGIN:
            continue
        if fits[name] > max(MIN_FIT, best[name].score if name in best else 0):
            best[name] = replace(row, score=fits[name])
    if given is not None and tried and not best:
        best["upper"] = tried[0]
    return Teeth(best.get("upper"), best.get("lower"))


def _adapt_rows(rows: list[TeethRow], bank: MouthBank, own: list[TeethRow]) -> list[TeethRow]:
    """Adapt rows of other footage to a bank's resolution and to the brightness of its own rows."""
    scale = float(np.median(Alignment(bank.to_crop).scale))
    light = float(np.mean([row.light for row in own])) if own else None
    return [row.adapt_to(scale, row.light if light is None else light) for row in rows]


def _find_rows(bank: MouthBank) -> list[TeethRow]:
    """Extract the rows of teeth of the bank's open mouths."""
    rows = (_extract_row(bank, int(entry)) for entry in _find_open_mouths(bank))
    return [row for row in rows if row is not None]


def _find_open_mouths(bank: MouthBank) -> I64:
    """Up to MAX_ENTRIES sharp entries with an open mouth near the median pose, spread evenly."""
    gap = np.linalg.norm(bank.lips[:, 13] - bank.lips[:, 16], axis=-1)
    pose = bank.pose.reshape(len(bank), -1)
    deviation = np.abs(pose - np.median(pose, axis=0)).max(1)
    good = (gap > MIN_GAP) & (bank.quality > 0)
    if not good.any():
        return np.zeros(0, np.int64)
    good &= deviation <= np.percentile(deviation[good], MAX_POSE_PERCENTILE)
    good &= bank.quality >= np.median(bank.quality[good])
    some = np.flatnonzero(good)
    spread = np.linspace(0, len(some) - 1, min(len(some), MAX_ENTRIES)).astype(int)
    return np.asarray(some[spread], np.int64)


def _extract_row(bank: MouthBank, entry: int) -> TeethRow | None:
    """Extract the teeth that an entry shows; None: too few."""
    crop, lips, to_crop = bank.crops[entry], bank.control[entry, :N_LIPS], bank.to_crop[entry]
    scale = affine_scale(to_crop)
    low = np.maximum(np.floor(lips.min(0)) - 2, 0).astype(int)
    high = np.minimum(np.ceil(lips.max(0)) + 3, crop.shape[1::-1]).astype(int)
    if (high - low < 4).any():
        return None
    piece = np.ascontiguousarray(crop[low[1] : high[1], low[0] : high[0]])
    mask = tooth_mask(piece, measure_skin_color(crop, to_crop))
    mask *= mask_inner_lips(lips - low, piece.shape[:2], MASK_SOFT_PX)
    if mask.sum() < MIN_AREA * scale**2:
        return None
    gray = cv2.cvtColor(piece, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    # Relative to the local mean of the teeth alone, so that adjacent lips leave no rim.
    blurred, weight = (cv2.GaussianBlur(v, (0, 0), RELIEF * scale) for v in (gray * mask, mask))
    relief = np.asarray((gray - blurred / np.maximum(weight, 1e-3)) * mask, np.float32)
    to_piece = to_crop.copy()
    to_piece[:, 2] -= low
    canonical = apply_affine(Alignment(to_crop[None]).to_canonical[0], bank.control[entry])
    light = float((gray * mask).sum() / mask.sum())
    time = float(bank.frames[entry] / bank.entry_rates[entry])
    return TeethRow(relief, mask, to_piece, locate_chin(canonical), time, light)


def _measure_fit(row: TeethRow, others: list[TeethRow], jaw: bool) -> float:
    """Mean correlation of a relief with the teeth of other frames, where both show teeth.

    Args:
        jaw: move the relief with the jaw instead of the skull.
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
    """Locate the chin, (2,): mean of the three lowest of the points (k, 2), canonical."""
    lowest = np.argpartition(-points[:, 1], 3)[:3]
    return np.asarray(points[lowest].mean(0), np.float32)


def apply_relief(rgb: U8, lips: F32, to_patch: F32, chin: F32, teeth: Teeth, strength: float) -> U8:
    """Blend the rows' relief onto the teeth of a patch (h, w, 3) by hard light.

    Args:
        lips: (18, 2), pixels of the patch.
        to_patch: (2, 3), canonical → pixels of the patch.
        chin: (2,), canonical; the lower row moves with it.
        strength: 0..1.
    """
    height, width = rgb.shape[:2]
    low = np.maximum(np.floor(lips.min(0)) - 1, 0).astype(int)
    high = np.minimum(np.ceil(lips.max(0)) + 2, [width, height]).astype(int)
    if (high - low < 3).any():
        return rgb
    box = slice(low[1], high[1]), slice(low[0], high[0])
    piece = rgb[box]
    inside = mask_inner_lips(lips - low, piece.shape[:2], MASK_SOFT_PX)
    own = tooth_mask(piece, measure_skin_color(rgb, to_patch)) * inside
    if own.sum() < MIN_AREA_PX:
        return rgb
    canonical = Alignment(to_patch[None]).to_canonical[0].copy()
    canonical[:, 2] += canonical[:, :2] @ low
    relief, weight = np.zeros_like(own), np.zeros_like(own)
    for row in teeth.rows:
        theirs, mask = row.warp_to(canonical, chin if row is teeth.lower else None, own.shape)
        weight += mask
        relief += mask * theirs
    shown = strength * np.minimum(weight, 1) * own
    light = np.clip(0.5 + CONTRAST * shown * relief / np.maximum(weight, 1e-6), 0, 1)[..., None]
    base = piece.astype(np.float32) / 255
    hard = np.where(light < 0.5, 2 * base * light, 1 - 2 * (1 - base) * (1 - light))
    result = rgb.copy()
    result[box] = np.clip(np.rint(255 * hard), 0, 255).astype(np.uint8)
    return result
