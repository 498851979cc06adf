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

from lipsync import (
    audio,
    features,
    geometry,
    landmarks,
    lip_lstm,
    media,
    mouth_bank,
    pace,
    sync,
    voice,
)
from lipsync.digest import sha256
from lipsync.errors import AudioError, NoFaceError
from lipsync.features.said import said as heard_at
from lipsync.geometry import Complexes
from lipsync.options_base import options
from lipsync.profile import LipProfile
from lipsync.sync import LAG_MOST_S, LEAST_R
from lipsync.types import F32, U8, Alignment, FaceTrack, LipTrack, MouthBank, Progress, VideoInfo

if TYPE_CHECKING:
    from lipsync.cache import Cache
    from lipsync.landmarks import Faces
    from lipsync.options import MouthOptions, RenderOptions  # which know this module's options


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
        template = geometry.rigid_template(whole) if template is None else template
        alignments = [
            geometry.align(track, template=template).to_frame
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

    def said(self, model: lip_lstm.LipLSTM) -> F32 | None:
        """What is heard at every frame, (n, p); None where nowhere lips and sound belong together.

        Videos without sound of their own, or with somebody else's, have the mean of the others.
        """
        lips = geometry.lips(self.track, self.alignment)
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
    info: VideoInfo, lips: LipTrack, profile: LipProfile, model: lip_lstm.LipLSTM
) -> F32 | None:
    """What is heard at a video's frames, if the person who is seen says it."""
    if info.still or not info.has_audio or not np.isfinite(lips.points).any():
        return None
    try:
        wave = audio.load(Path(info.path), media.sound_skipped(info))
    except AudioError:
        return None
    steady = pace.regular(lips, info)
    heard = features.extract(wave, model.spec)
    predicted = lip_lstm.predict(model, heard, profile, steady.rate, len(steady))
    speaking = voice.listen(wave).at(np.arange(len(steady)) / float(steady.rate))
    fit = sync.fit(steady.opening, predicted.opening, float(steady.rate), speaking)
    if not fit.r >= LEAST_R or abs(fit.lag_s) > LAG_MOST_S:
        return None
    return heard_at(heard, model.spec, pace.times(info, len(lips)) + fit.lag_s)


def gathered(
    info: VideoInfo,
    track: FaceTrack,
    faces: Faces,
    options: RenderOptions | MouthOptions,
    cache: Cache,
    progress: Progress | None,
) -> Footage:
    """The target and whatever else there is of the person: what `--reference` names.

    Args:
        track: of the person in the target `info`, one of its `faces`.

    Raises:
        NoFaceError: a further video does not show the person.
    """
    infos, tracks = [info], [track]
    names = options.footage.reference
    looks = landmarks.looks_of(faces, track) if names else []
    for name in names:
        more, found = _elsewhere(name, info, looks, options, cache, progress)
        infos.append(more)
        tracks.append(found)
    return Footage.of(infos, tracks, geometry.rigid_template(track))


def teeth_given(
    info: VideoInfo,
    track: FaceTrack,
    faces: Faces,
    options: RenderOptions,
    cache: Cache,
    progress: Progress | None,
) -> MouthBank | None:
    """The mouths of the picture or video that `--teeth` names; None: it names none.

    Raises:
        NoFaceError: it does not show the person.
    """
    if options.teeth.teeth in ("auto", "off"):
        return None
    looks = landmarks.looks_of(faces, track)
    more, found = _elsewhere(options.teeth.teeth, info, looks, options, cache, progress)
    shown = Footage.of([more], [found], geometry.rigid_template(track))
    return mouth_bank.build(
        shown.frames(), shown.track, shown.alignment, options.bank, cache, shown.digest
    )


def _elsewhere(
    name: str,
    info: VideoInfo,
    looks: list[F32],
    options: RenderOptions | MouthOptions,
    cache: Cache,
    progress: Progress | None,
) -> tuple[VideoInfo, FaceTrack]:
    """Another video or picture, and the track of whoever in it is most like these looks."""
    path = Path(name).expanduser()
    more = media.probe(path, tonemap=not info.hdr)
    device = options.run.device
    seen = landmarks.look_at_video(
        more, options.landmarks, cache, device, progress, all_of_them=False
    )
    found = landmarks.most_like(seen, looks)
    if not found.found.any():
        raise NoFaceError(f"{path}: no face was found in its {len(found)} frames")
    return more, found
