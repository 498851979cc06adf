"""Videos of one person, end to end: what a mouth bank is made from.

The target comes first, then what `--reference` names. Between two videos lies a cut, and all are
aligned to one template, so that the bank need not know how many they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from cyclopts import Parameter

from lipsync import media
from lipsync.errors import AudioError
from lipsync.face import tracked_face
from lipsync.face.similarity import Complexes
from lipsync.media import frame_times
from lipsync.runtime.hashing import sha256
from lipsync.runtime.option_spec import options
from lipsync.speech import audio, av_sync, features, lip_model, vad
from lipsync.speech.av_sync import LAG_MOST_S, LEAST_R
from lipsync.speech.features.phone_embedding import said as heard_at
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, U8, Alignment, FaceTrack, LipTrack, VideoInfo

if TYPE_CHECKING:
    pass  # which know this module's options


@options
class FootageOptions:
    """Where the mouth's pixels may come from besides the target."""

    reference: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = ()
    """Further videos or pictures of the same person; their mouths are used as well."""


@dataclass(frozen=True, eq=False)
class Footage:
    """One or several videos of a person."""

    infos: tuple[VideoInfo, ...]
    track: FaceTrack  # of all frames of all videos; a cut between two of them
    alignment: Alignment

    @staticmethod
    def of(
        infos: Sequence[VideoInfo], tracks: Sequence[FaceTrack], template: Complexes | None = None
    ) -> Footage:
        """Join videos and their tracks.

        Args:
            template: from `geometry.rigid_template`; None: of all together.

        Raises:
            NoFaceError: no frame of any video has a face.
        """
        whole = joined(tracks)
        template = tracked_face.rigid_template(whole) if template is None else template
        alignments = [
            tracked_face.align(track, template=template).to_frame
            if track.found.any()
            else np.tile(np.eye(2, 3, dtype=np.float32), (len(track), 1, 1))
            for track in tracks
        ]
        return Footage(tuple(infos), whole, Alignment(np.concatenate(alignments)))

    def frames(self) -> Iterator[U8]:
        """All frames, one video after the other."""
        for info in self.infos:
            yield from media.read_frames(info)

    @property
    def digest(self) -> str:
        """Changes with the content of any video, how it is read, and with their order."""
        together = "".join(
            f"{sha256(info.path)} {info.frame_count} {info.stamps is not None} {info.tonemapped} "
            for info in self.infos
        )
        return hashlib.sha256(together.encode()).hexdigest()

    def said(self, model: lip_model.LipLSTM) -> F32 | None:
        """What is heard at every frame, (n, p); None where nowhere lips and sound belong together.

        Videos without sound of their own, or with somebody else's, have the mean of the others.
        """
        lips = tracked_face.lips(self.track, self.alignment)
        profile = LipProfile.of(lips)
        parts, first = [], 0
        for info in self.infos:
            own = LipTrack(lips.points[first : first + info.frame_count], info.fps)
            parts.append(_said(info, own, profile, model))
            first += info.frame_count
        known = [part for part in parts if part is not None]
        if not known:
            return None
        usual = np.concatenate(known).mean(0)
        return np.concatenate(
            [
                np.tile(usual, (info.frame_count, 1)) if part is None else part
                for info, part in zip(self.infos, parts, strict=True)
            ]
        ).astype(np.float32)


def joined(tracks: Sequence[FaceTrack]) -> FaceTrack:
    """Tracks end to end, with a cut between each two; at the rate of the first."""
    starts = np.cumsum([0, *(len(track) for track in tracks)])
    cuts = [start + track.cuts for start, track in zip(starts, tracks, strict=False)]
    return replace(
        tracks[0],
        points=np.concatenate([track.points for track in tracks]),
        found=np.concatenate([track.found for track in tracks]),
        confidence=np.concatenate([track.confidence for track in tracks]),
        cuts=np.unique(np.concatenate([*cuts, starts[1:-1]])).astype(np.int64),
    )


def _said(
    info: VideoInfo, lips: LipTrack, profile: LipProfile, model: lip_model.LipLSTM
) -> F32 | None:
    """What is heard at a video's frames, if the person who is seen says it."""
    if info.still or not info.has_audio or not np.isfinite(lips.points).any():
        return None
    try:
        wave = audio.load(Path(info.path), media.sound_skipped(info))
    except AudioError:
        return None
    steady = frame_times.regular(lips, info)
    heard = features.extract(wave, model.spec)
    predicted = lip_model.predict(model, heard, profile, steady.rate, len(steady))
    speaking = vad.listen(wave).at(np.arange(len(steady)) / float(steady.rate))
    fit = av_sync.fit(steady.opening, predicted.opening, float(steady.rate), speaking)
    if not fit.r >= LEAST_R or abs(fit.lag_s) > LAG_MOST_S:
        return None
    return heard_at(heard, model.spec, frame_times.times(info, len(lips)) + fit.lag_s)
