"""The sound of an output: the speech alone, or several recordings on one time line."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from lipsync.errors import AudioError
from lipsync.media.container import container_of
from lipsync.media.process import url

MIX_RATE = 48000  # Hz
PEAK = 0.89  # −1 dB of full scale: lossy coding adds a little to a peak
FADE_S = 0.02  # at the ends of a span
STEP = 128  # samples of one gain: 2.7 ms

Span = tuple[Fraction, Fraction]  # begin, end; seconds of the output


@dataclass(frozen=True)
class Sound:
    """One recording in an output's sound."""

    path: Path
    track: int = 0  # which sound stream of the file
    # Seconds of the file, from its start, that are over when the output begins; negative: the
    # recording begins so much later than the output.
    skipped: Fraction = Fraction(0)
    spans: tuple[Span, ...] | None = None  # when it is heard; None: throughout


@dataclass(frozen=True)
class Soundtrack:
    """All that is heard in an output, at the levels that it was recorded at."""

    sounds: tuple[Sound, ...]
    # Seconds of the output; None: as long as the first sound.
    duration: Fraction | None = None

    @property
    def untouched(self) -> bool:
        """One whole recording: it may be copied."""
        first = self.sounds[0]
        alone = len(self.sounds) == 1 and self.duration is None
        return alone and not first.skipped and first.spans is None

    def stream(self) -> Any:
        """ffmpeg's stream of it: mixed without clipping where there is more than one.

        Raises:
            AudioError: a file has no such track.
        """
        if self.untouched:
            return ffmpeg.input(url(self.sounds[0].path))[f"a:{self.sounds[0].track}"]
        parts = [_placed(sound) for sound in self.sounds]
        mixed = parts[0]
        if len(parts) > 1:
            length = "longest" if self.duration is not None else "first"
            mixed = ffmpeg.filter(parts, "amix", len(parts), normalize=0, duration=length)
            # Nothing is turned up; what would pass the peak is held below it, without delay.
            mixed = mixed.filter("alimiter", limit=PEAK, level=0, latency=1)
        if self.duration is not None:
            mixed = mixed.filter("atrim", end=f"{float(self.duration):.6f}")
        return mixed


def _placed(sound: Sound) -> Any:
    """A recording on the output's time line: stereo, silent before it begins and in its gaps."""
    late = {"itsoffset": f"{float(-sound.skipped):.6f}"} if sound.skipped else {}
    stream = ffmpeg.input(url(sound.path), **late)[f"a:{sound.track}"]
    if _channels(sound) == 1:  # as loud in both ears; ffmpeg's own way would take 3 dB away
        stream = stream.filter("pan", args="stereo|c0=c0|c1=c0")
    stream = stream.filter(
        "aresample", MIX_RATE, resampler="soxr", first_pts=0, out_chlayout="stereo",
        rematrix_maxval=1.0, **{"async": 1},
    )  # fmt: skip
    if sound.spans is None:
        return stream
    gains = [
        f"clip(min(t-{float(begin):.4f},{float(end):.4f}-t)/{FADE_S},0,1)"
        for begin, end in sound.spans
    ]
    stream = stream.filter("asetnsamples", n=STEP, p=0)
    return stream.filter("volume", volume="+".join(gains) or "0", eval="frame")


def _channels(sound: Sound) -> int:
    with container_of(sound.path, AudioError) as container:
        streams = container.streams.audio
        if sound.track >= len(streams):
            raise AudioError(
                f"{sound.path}: has {len(streams)} sound tracks, not {sound.track + 1}"
            )
        return int(streams[sound.track].codec_context.channels)
