"""Videos of one person joined end to end: what a mouth bank is made from.

The target comes first, then the videos of `--reference`. There is a cut between two videos, and all
are aligned to one template, so that the bank need not know how many there were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from lipsync import media
from lipsync.errors import AudioError
from lipsync.face.alignment import align, rigid_template
from lipsync.face.similarity import Complexes
from lipsync.face.tracked_face import TrackedFace
from lipsync.media import frame_times
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.option_spec import option_group
from lipsync.speech import av_sync, lip_model
from lipsync.speech.av_sync import LAG_MOST_S, LEAST_R
from lipsync.speech.features.phone_embedding import PHONE_SPEC, embed_phones
from lipsync.speech.lip_model import LipLSTM
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, U8, Alignment, FaceTrack, FootageAppearance, LipTrack, MouthBank


@option_group
class FootageOptions:
    """Footage besides the target that the mouth's pixels may come from."""

    reference: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = ()
    """Further videos or pictures of the same person; their mouths are used as well."""


@dataclass(frozen=True, eq=False)
class Footage:
    """One or several videos of a person, the target first."""

    videos: tuple[VideoSpeech, ...]  # each with its sound
    face: TrackedFace  # through all frames of all videos, with a cut between two videos

    @staticmethod
    def of(
        videos: Sequence[VideoSpeech],
        tracks: Sequence[FaceTrack],
        template: Complexes | None = None,
    ) -> Footage:
        """Join videos and the tracks of the person in them.

        Args:
            template: from `alignment.rigid_template`; None: estimated from all videos together.

        Raises:
            NoFaceError: no frame of any video has a face.
        """
        whole = join_tracks(tracks)
        template = rigid_template(whole) if template is None else template
        alignments = [
            align(track, template=template).to_frame
            if track.found.any()
            else np.tile(np.eye(2, 3, dtype=np.float32), (len(track), 1, 1))
            for track in tracks
        ]
        return Footage(tuple(videos), TrackedFace(whole, Alignment(np.concatenate(alignments))))

    def frames(self) -> Iterator[U8]:
        """Read the frames of all videos, one video after the other."""
        for video in self.videos:
            yield from media.read_frames(video.info)

    @property
    def digest(self) -> str:
        """Hash of the videos' content, how they are decoded, and their order."""
        together = "".join(
            f"{hash_file(info.path)} {info.frame_count} {info.stamps is not None} "
            f"{info.tonemapped} "
            for info in (video.info for video in self.videos)
        )
        return hashlib.sha256(together.encode()).hexdigest()

    def collect_bank(
        self, options: BankOptions, cache: Cache, model: LipLSTM | None = None
    ) -> tuple[MouthBank, FootageAppearance]:
        """Build the bank of this footage, and its frames' appearance; see `mouth_bank.build`.

        Args:
            model: speech model that tells whether a video's sound is its speaker's own; the
                entries get the phone embedding of such sound. None: no embedding.
        """
        phones = None if model is None else lambda: self.phone_embedding(model)
        return mouth_bank.build(_Frames(self), self.face, options, cache, self.digest, phones)

    def phone_embedding(self, model: LipLSTM) -> F32 | None:
        """Phone embedding of the sound at every frame, (f, p); None if no video's sound fits.

        Silent and dubbed videos get the mean of the others.
        """
        lips = self.face.lips
        profile = LipProfile.of(lips)
        parts, first = [], 0
        for video in self.videos:
            end = first + video.info.frame_count
            own = LipTrack(lips.points[first:end], video.info.fps)
            parts.append(_embed_own_phones(video, own, profile, model))
            first = end
        known = [part for part in parts if part is not None]
        if not known:
            return None
        mean = np.concatenate(known).mean(0)
        return np.concatenate(
            [
                np.tile(mean, (video.info.frame_count, 1)) if part is None else part
                for video, part in zip(self.videos, parts, strict=True)
            ]
        ).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Frames:
    """The frames of some footage, decoded anew each time they are iterated."""

    footage: Footage

    def __iter__(self) -> Iterator[U8]:
        return self.footage.frames()


def join_tracks(tracks: Sequence[FaceTrack]) -> FaceTrack:
    """Tracks end to end, with a cut between each two; each keeps the rate of its video."""
    starts = np.cumsum([0, *(len(track) for track in tracks)])
    cuts = [start + track.cuts for start, track in zip(starts, tracks, strict=False)]
    mixed = len({track.fps for track in tracks}) > 1
    return replace(
        tracks[0],
        points=np.concatenate([track.points for track in tracks]),
        found=np.concatenate([track.found for track in tracks]),
        confidence=np.concatenate([track.confidence for track in tracks]),
        cuts=np.unique(np.concatenate([*cuts, starts[1:-1]])).astype(np.int64),
        mixed_rates=np.concatenate([track.rates for track in tracks]) if mixed else None,
    )


def _embed_own_phones(
    video: VideoSpeech, lips: LipTrack, profile: LipProfile, model: LipLSTM
) -> F32 | None:
    """Phone embedding at a video's frames; None unless its lips are in sync with its sound."""
    if not video.audible or not np.isfinite(lips.points).any():
        return None
    try:
        heard = video.features(model.spec)
    except AudioError:
        return None
    regular = frame_times.resample_regularly(lips, video.info)
    predicted = lip_model.predict(model, heard, profile, regular.rate, len(regular))
    speaking = video.segments.at(np.arange(len(regular)) / float(regular.rate))
    fit = av_sync.measure_sync(regular.opening, predicted.opening, float(regular.rate), speaking)
    if not fit.r >= LEAST_R or abs(fit.lag_s) > LAG_MOST_S:
        return None
    times = frame_times.display_times(video.info, len(lips)) + fit.lag_s
    return embed_phones(video.features(PHONE_SPEC), times)
