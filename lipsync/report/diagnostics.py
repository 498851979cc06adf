"""What is to be said of a render beside its frames: coverage, warnings, which frames are new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from lipsync.media import damage
from lipsync.mouth.finish.teeth_relief import Teeth
from lipsync.runtime.positions import runs_of_true
from lipsync.types import F32, Alignment, MouthBank, Patch, VideoInfo

# A wanted mouth is covered if a real one lies this near, RMS over the lips in outer-eye distances.
THIN = 0.03
LEAST_THIN_S = 0.2
SMALL_PX, DARK = 40.0, 30.0  # outer-eye distance; level of the skin


def kept(n: int, missing: int, turned: int, hidden: int, others: int = 0) -> Iterator[str]:
    """Why frames keep the target's own mouth; of those `missing`, `others` show another face."""
    reasons = (
        (missing - others, "show no face"),
        (others, "show only other faces"),
        (turned, "show a head turned too far"),
        (hidden, "show something before the mouth"),
    )
    for count, what in reasons:
        if count:
            yield f"{count} of {n} frames {what} and keep the target's own picture"


def warnings(spoken: bool, bank: MouthBank, thin_s: float) -> Iterator[str]:
    if not spoken:
        yield "no speech was recognised in the sound; the lips follow all of it"
    if bank.strange is not None and len(bank.strange):
        yield (
            f"{len(bank.strange)} shots of the footage show another person; "
            "their mouths are not used"
        )
    if thin_s > 0:
        yield (
            f"for {thin_s:.1f} s the footage has no mouth near the wanted one, which is bent "
            "from others; more footage of the person (--reference) helps"
        )


def read(infos: Iterable[VideoInfo]) -> Iterator[str]:
    """What reading the footage changed in it, and what of it was damaged."""
    for info in infos:
        yield from info.remarks
        yield from damage(info)


def unwritten(sidecar: bool) -> Iterator[str]:
    """What a result lacks because of where it went."""
    if sidecar:
        yield "a pipe has no sidecar beside it; --sidecar names a place for one"


def hard_to_see(alignment: Alignment, bank: MouthBank) -> Iterator[str]:
    """What of the target makes a good mouth unlikely."""
    scale = float(np.median(alignment.scale))
    if scale < SMALL_PX:
        yield (
            f"the face is small ({scale:.0f} pixels between the outer eye corners); "
            "teeth and lips will be soft"
        )
    if bank.light is not None and float(np.median(bank.light)) < DARK:
        yield "the scene is dark; the mouth will be as noisy as the target"


def teeth_lent(name: str, rows: Teeth) -> Iterator[str]:
    """What is wrong with a picture that was to lend its teeth."""
    if name not in ("auto", "off") and not rows.rows:
        yield (
            f"{name}: shows no teeth clearly enough; the new ones get no relief. Give a picture of "
            "an open mouth with large, sharp teeth"
        )


def noted(patches: Iterable[Patch | None], distances: F32) -> Iterator[Patch | None]:
    """The patches, and in `distances` (n,) how far their nearest real mouths were."""
    for i, patch in enumerate(patches):
        if patch is not None:
            distances[i] = patch.distance
        yield patch


def coverage(distances: F32, visible: F32, rate: float) -> tuple[tuple[float, float], ...]:
    """Spans (s) in which the footage had no mouth near the wanted one."""
    thin = (distances > THIN) & (visible > 0)
    spans = [
        (first, end) for first, end in runs_of_true(thin) if end - first >= LEAST_THIN_S * rate
    ]
    return tuple((round(first / rate, 2), round(end / rate, 2)) for first, end in spans)
