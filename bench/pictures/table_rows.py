"""Rows of the picture tables: how test clips are re-rendered by each method, and measured."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lipsync
from bench.pictures.mouth_models import mouth_model, training_bank
from bench.pictures.reconstruction import Person, RowMetrics, TestClip
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.types import U8, MouthBank

BANK_CLIPS = 100  # of 3 s; GRID speaker 4 has fewer here
SECONDS, DRAWN_FROM = (30.0, 60.0), 30.0  # seconds of limited footage; of its decoder
DEFINITIONS = """\
Rows and the clip itself go through the same encoder (`--crf 16`), and are compared after it, in one
mask for all rows: where a default render shows at least half of the new mouth. Two rows are
compared without the encoder, which alters both sides of the border. That is how the first trial was
measured, whose best rows are what a render has to surpass: its clip through JPEG had an SSIM of
0.991 (s1) and 0.990 (s4); compared so here, in quality.md, it has much the same.

- PSNR (dB) and SSIM (of the luma) in the mask; SSIM, touched: of every pixel that a render alters.
  Sharpness: variance of the Laplacian, result / original; band: standard deviation of what lies
  between Gaussians of 0.01 and 0.03 outer-eye distances (lip and tooth edges, hardly any camera
  noise), result / original. E_warp: the warping error with the original's flow, result / original.
- Border ΔE: ΔE2000 to the original within 3 pixels of the mask's border, median and 95th
  percentile. Step: ΔE2000 from inside to outside, result minus original.
- Lips: mean distance of the 18 lip points detected again from the wanted ones, in outer-eye
  distances; r_open: correlation of the inner-lip gap.
- No ghosts: share of frames in which no more normals to the jaw line cross a second edge than in
  the original (two of sixty are spared as noise).
"""


@dataclass(frozen=True)
class Row:
    """A row of a table: a name, and how its frames are made."""

    name: str
    make: Callable[[TestClip], U8]
    encoded: bool = True  # false: compared as made, with the clip as it is


def median(n: int, *, warp: bool) -> TextureOptions:
    """Options of the plain median, without regression and detail."""
    return TextureOptions(candidates=n, warp=warp, regression=False, detail=0.0)


def from_lips(
    name: str,
    options: TextureOptions,
    said: str = "true",
    finish: TeethOptions | None = None,
    encoded: bool = True,
) -> Row:
    """A row made from the true lips, or from those that the shipped model predicts."""

    def make(scene: TestClip) -> U8:
        person = scene.person
        lips = person.lips if said == "true" else person.predicted
        return scene.render_mouth(options, lips, finish)

    return Row(name, make, encoded)


ROWS = (
    Row("the clip itself", lambda scene: scene.frames),
    Row("the clip through JPEG, quality 90", lambda scene: scene.jpeg()),
    Row("another clip's mouth", lambda scene: scene.other_mouth()),
    from_lips("nearest frame", median(1, warp=False)),
    *(from_lips(f"plain median, n = {n}", median(n, warp=False)) for n in (10, 30, 64, 100)),
    *(from_lips(f"warped median, n = {n}", median(n, warp=True)) for n in (10, 30, 64, 100)),
    from_lips("warped, n = 64, with regression", TextureOptions(detail=0.0)),
    from_lips("and detail", TextureOptions()),
    from_lips("**and teeth and edges** (default)", TextureOptions(), finish=TeethOptions()),
    from_lips("default, neither encoded", TextureOptions(), finish=TeethOptions(), encoded=False),
    Row("JPEG, quality 90, neither encoded", lambda scene: scene.jpeg(), encoded=False),
)


def no_flip_row(person: Person) -> Row:
    """The default with landmarks that were not averaged with those of the mirrored image."""
    scenes = person.scenes(len(person.footage.videos))

    def make(scene: TestClip) -> U8:
        return scenes[scene.index].render_mouth(TextureOptions(), person.lips, TeethOptions())

    return Row("default, `--no-landmark-flip`", make)


PREDICTED = (
    from_lips("plain median, n = 64", median(64, warp=False), "predicted"),
    from_lips("**default**", TextureOptions(), "predicted", TeethOptions()),
)


def decoder(model: Path) -> TextureOptions:
    return TextureOptions(texture="decoder", mouth_model=str(model))


def decoder_rows(person: Person, clips: int, out: Path, steps: int) -> tuple[Row, ...]:
    """Rows of decoders trained without the test clips."""
    invented, refined = (
        decoder(mouth_model(person, clips, out, kind, steps=steps)) for kind in ("lips", "median")
    )
    return (
        from_lips("decoder from lips alone", invented, finish=TeethOptions()),
        from_lips("**decoder** that refines the median", refined, finish=TeethOptions()),
        from_lips("**decoder** that refines the median", refined, "predicted", TeethOptions()),
    )


def footage_rows(person: Person, clips: int, out: Path, steps: int) -> tuple[Row, ...]:
    """The default and a decoder, limited to some seconds of the person's footage."""
    rows = []
    for seconds in SECONDS:
        bank = training_bank(person, clips, seconds)
        rows.append(from_bank(f"default, {seconds:g} s", TextureOptions(), bank))
        if steps and seconds == DRAWN_FROM:
            model = mouth_model(person, clips, out, "median", seconds, steps)
            rows.append(from_bank(f"**decoder**, {seconds:g} s", decoder(model), bank))
    return tuple(rows)


def from_bank(name: str, options: TextureOptions, bank: MouthBank | None) -> Row:
    """A row made from the true lips with this bank; None: everything but the test clip."""
    return Row(
        name, lambda scene: scene.render_mouth(options, scene.person.lips, TeethOptions(), bank)
    )


def choose_clips(data: Path, name: str, clips: int, lent: int = BANK_CLIPS) -> list[Path]:
    """The test clips, then those of the bank, `lent` of them at most."""
    everything = sorted((data / name).glob("*.m*"))
    if name == "grid_s1":  # its validation clips: no speech model has seen them
        test_clips = everything[::10]
        rest = [file for i, file in enumerate(everything) if i % 10]
    else:
        test_clips = everything[:: max(1, len(everything) // clips)]
        rest = everything
    test_clips = test_clips[:: max(1, len(test_clips) // clips)][:clips]
    rest = [file for file in rest if file not in test_clips]
    return test_clips + rest[:: max(1, len(rest) // lent)][:lent]


def measure_rows(
    person: Person, scenes: list[TestClip], rows: tuple[Row, ...], said: str
) -> Iterator[str]:
    """Rows of one table; r_open and lips are relative to the lips that were asked for."""
    lips = person.lips if said == "true" else person.predicted
    for row in rows:
        lines = []
        for scene in scenes:
            made = row.make(scene)
            seen = scene.encode(made) if row.encoded else made
            reference = scene.reference if row.encoded else scene.raw_reference
            lines.append(RowMetrics(reference.measure(seen), *scene.measure_lips(seen, lips)))
        text = f"| {row.name} | {RowMetrics.mean(lines).cells()}"
        print(person.name, text, file=sys.stderr, flush=True)
        yield text


def bank_minutes(person: Person, scene: TestClip) -> float:
    """Minutes of the bank that a test clip is rendered from."""
    return (len(person.lips) - len(scene.order)) / float(person.lips.rate) / 60


def section_date() -> str:
    """Date of a section: each may be measured separately."""
    return f"{datetime.date.today()}, lipsync {lipsync.__version__}."


def whole_bank(minutes: float) -> Row:
    return from_bank(f"default, {minutes:.1f} min", TextureOptions(), None)


def describe_mask(scenes: list[TestClip]) -> str:
    """Size of the mask, and the original's share of the visible pixels, in words."""
    share = np.mean([scene.region.mean() for scene in scenes])
    own, touched = (
        np.mean([own_share(scene, touched=every) for scene in scenes]) for every in (False, True)
    )
    return (
        f"The mask is {share:.1%} of the frame; {own:.0%} of what is seen in it are the original's "
        f"own pixels (the mask's soft border). Of every touched pixel it is {touched:.0%}."
    )


def own_share(scene: TestClip, *, touched: bool = False) -> float:
    """Share of the frame's own picture in the pixels of the mask."""
    return float(1 - scene.alpha[scene.touched if touched else scene.region].mean())
