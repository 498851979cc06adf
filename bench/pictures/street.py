"""Street footage: leave-out runs of a clip, re-rendered from the rest of the same clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.pictures.reconstruction import draw_again, encode_again
from bench.pictures.region_metrics import (
    MAX_SCALE,
    Crops,
    face_regions,
    stabilize,
)
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.bank.mouth_bank import BankOptions
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.speech import lip_model
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import F32, I64, U8, FootageAppearance, LipTrack, MouthBank, VideoInfo

EXCLUDED_S = 0.5  # around a run: its own frames and near copies of them never lend
RUN_FRAMES = 16


@dataclass(frozen=True, eq=False)
class StreetClip:
    """A tracked clip with the bank of all its frames."""

    name: str
    footage: Footage
    bank: MouthBank
    appearance: FootageAppearance
    phones: F32 | None  # (f, p)

    @staticmethod
    def load(path: Path, cache: Cache) -> StreetClip:
        """Track a clip and collect its bank.

        Raises:
            NoFaceError: no frame shows a face.
        """
        info = media.probe(path)
        track = landmarks.track_video(info, landmarks.LandmarkOptions(), cache)
        footage = Footage.of([VideoSpeech(info)], [track])
        model = lip_model.LipLSTM.load(lip_model.LipOptions())
        bank, appearance = footage.collect_bank(BankOptions(), cache, model)
        return StreetClip(path.stem, footage, bank, appearance, footage.phone_embedding(model))

    @property
    def info(self) -> VideoInfo:
        """The clip's video."""
        return self.footage.videos[0].info

    @property
    def face(self) -> TrackedFace:
        """The face through the clip."""
        return self.footage.face

    def runs(self, count: int) -> list[LeaveOut]:
        """Spread `count` runs of consecutive frames with a face evenly over the clip."""
        found, cuts = self.face.found, self.face.track.cuts
        starts = [
            first
            for first in range(len(found) - RUN_FRAMES + 1)
            if found[first : first + RUN_FRAMES].all()
            and not ((cuts > first) & (cuts < first + RUN_FRAMES)).any()
        ]
        if not starts:
            return []
        places = np.linspace(0, len(starts) - 1, 2 * count + 1)[1::2].round().astype(int)
        return [LeaveOut(self, starts[place]) for place in np.unique(places)]


@dataclass(frozen=True, eq=False)
class LeaveOut:
    """A run of RUN_FRAMES frames, which its own clip re-renders without them."""

    clip: StreetClip
    first: int

    @property
    def order(self) -> I64:
        """Indices of the frames."""
        return np.arange(self.first, self.first + RUN_FRAMES)

    @cached_property
    def frames(self) -> U8:
        """The frames, (n, h, w, 3)."""
        return np.stack(
            list(media.read_frames(self.clip.info, self.first, self.first + RUN_FRAMES))
        )

    def bank(self, seconds: float | None = None) -> MouthBank:
        """The clip's bank without the run, limited to the `seconds` nearest in time."""
        bank, rate = self.clip.bank, float(self.clip.face.fps)
        middle = self.first + RUN_FRAMES / 2
        distance = np.abs(bank.frames - middle) - RUN_FRAMES / 2
        kept = distance > EXCLUDED_S * rate
        if seconds is not None:
            usable = np.sort(distance[kept & (bank.quality > 0)])
            most = usable[min(round(seconds * rate), len(usable)) - 1] if len(usable) else 0
            kept &= distance <= most
        return replace(bank, quality=np.where(kept, bank.quality, 0).astype(np.float32))

    def wanted(self) -> WantedMouths:
        """The lips that are seen, to be drawn again."""
        clip, order = self.clip, self.order
        return WantedMouths(
            LipTrack(clip.face.lips.points[order], clip.face.fps),
            clip.face,
            order,
            phones=None if clip.phones is None else clip.phones[order],
            skin_color=clip.appearance.skin_color[order],
        )

    def render(self, options: TextureOptions, finish: TeethOptions | None, bank: MouthBank) -> U8:
        """The run with its mouth drawn again."""
        return draw_again(self.frames, self.wanted(), bank, options, finish)

    def encode(self, frames: U8) -> U8:
        """Encode frames as a render does and decode them again."""
        return encode_again(frames, self.clip.info)

    @property
    def scale(self) -> float:
        """Pixels per outer-eye distance of the stabilized crops."""
        return min(float(np.median(self.clip.face.alignment.scale[self.order])), MAX_SCALE)

    def stabilize(self, frames: U8) -> U8:
        """Stabilized crops of frames of this run; see `region_metrics`."""
        return stabilize(frames, self.clip.face.alignment.to_frame[self.order], self.scale)

    @cached_property
    def reference(self) -> Crops:
        """The run after encoding, and its regions."""
        crops = self.stabilize(self.encode(self.frames))
        target = self.clip.face.at(self.order)
        regions = face_regions(target, target.lips, self.scale, crops.shape[1:3])
        return Crops(crops, self.scale, regions)
