"""Warnings and statistics of a render: coverage, unchanged frames, what makes a target hard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from lipsync.media import describe_damage
from lipsync.mouth.finish.teeth_relief import Teeth
from lipsync.runtime.positions import runs_of_true
from lipsync.runtime.wording import count_of
from lipsync.types import F32, Alignment, FootageAppearance, VideoInfo

# A wanted mouth is covered if a real one lies this near, RMS over the lips in outer-eye distances.
THIN = 0.03
LEAST_THIN_S = 0.2
SMALL_PX, DARK = 40.0, 30.0  # outer-eye distance; level of the skin


@dataclass(frozen=True)
class UnchangedFrames:
    """How many frames keep the target's own mouth although a new one was wanted, and why."""

    wanted: int
    missing: int  # the face is not seen
    elsewhere: int  # of those: other faces are
    turned: int
    covered: int

    @property
    def hidden(self) -> bool:
        """Whether the mouth is hidden in all of them, as by a face mask."""
        return 0 < self.wanted == self.covered

    def warnings(self) -> Iterator[str]:
        """One line per reason."""
        if self.hidden:
            where = "in all {0} frames; they keep" if self.wanted > 1 else "in the frame; it keeps"
            yield f"the mouth is hidden {where.format(self.wanted)} the target's own picture"
            return
        reasons = (
            (self.missing - self.elsewhere, "no face"),
            (self.elsewhere, "only other faces"),
            (self.turned, "a head turned too far"),
            (self.covered, "something before the mouth"),
        )
        for count, what in reasons:
            if count:
                does, keeps = ("shows", "keeps") if count == 1 else ("show", "keep")
                frames = count_of(self.wanted, "frame")
                yield f"{count} of {frames} {does} {what} and {keeps} the target's own picture"


def warn_of_speech(recognized: bool) -> Iterator[str]:
    """A warning if the voice activity detector found no speech."""
    if not recognized:
        yield "no speech was recognized in the sound; the lips follow all of it"


def warn_of_others(appearance: FootageAppearance) -> Iterator[str]:
    """A warning if the footage shows other people."""
    others = len(appearance.other_identity_shots)
    if others:
        does = "shot of the footage shows" if others == 1 else "shots of the footage show"
        yield f"{others} {does} another person, whose mouth is not used"


def warn_of_coverage(thin_s: float) -> Iterator[str]:
    """A warning if the footage lacks mouths, for so many seconds any near the wanted one."""
    if thin_s > 0:
        yield (
            f"for {thin_s:.1f} s the footage has no mouth near the wanted one, which is bent "
            "from others; more footage of the person (--reference) helps"
        )


def warn_of_reading(infos: Iterable[VideoInfo]) -> Iterator[str]:
    """What reading the footage changed in it, and what of it was damaged."""
    for info in infos:
        yield from info.remarks
        yield from describe_damage(info)


def warn_of_missing_sidecar(missing: bool) -> Iterator[str]:
    """A warning if the result went to a pipe without a sidecar."""
    if missing:
        yield "a pipe has no sidecar beside it; --sidecar names a place for one"


def warn_of_hard_target(alignment: Alignment, target: FootageAppearance) -> Iterator[str]:
    """What in the target makes a good mouth unlikely: a small face, a dark scene."""
    scale = float(np.median(alignment.scale))
    if scale < SMALL_PX:
        yield (
            f"the face is small ({scale:.0f} pixels between the outer eye corners); "
            "teeth and lips will be soft"
        )
    if float(np.median(target.skin_color)) < DARK:
        yield "the scene is dark; the mouth will be as noisy as the target"


def warn_of_given_teeth(name: str, rows: Teeth) -> Iterator[str]:
    """A warning if the picture that was to lend its teeth shows none."""
    if name not in ("auto", "off") and not rows.rows:
        yield (
            f"{name}: shows no teeth clearly enough; the new ones get no relief. Give a picture of "
            "an open mouth with large, sharp teeth"
        )


def uncovered_spans(distances: F32, visible: F32, rate: float) -> tuple[tuple[float, float], ...]:
    """Spans (s) in which the footage had no mouth near the wanted one."""
    thin = (distances > THIN) & (visible > 0)
    spans = [
        (first, end) for first, end in runs_of_true(thin) if end - first >= LEAST_THIN_S * rate
    ]
    return tuple((round(first / rate, 2), round(end / rate, 2)) for first, end in spans)
