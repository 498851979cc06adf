"""Reconstruction with an unseen mouth: a clip's mouth made anew from the person's other clips.

The target is a clip whose true frames are known; the bank holds only the person's OTHER clips. What
comes out goes through the encoder, as the clip itself does, and both are compared pixel by pixel.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from bench.pictures.lip_correlation import follows
from bench.pictures.picture_metrics import PictureFigures, Reference
from lipsync import media
from lipsync.face import landmarks, tracked_face
from lipsync.media import encode
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.finish import sharpen, teeth, teeth_relief
from lipsync.mouth.finish.blend import soft_mask
from lipsync.mouth.finish.composite import CompositeOptions, composite
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions, open_texture
from lipsync.report.contact_sheet import SheetCollector
from lipsync.runtime.cache import Cache
from lipsync.speech import audio, features, lip_model
from lipsync.speech.features.phone_embedding import said as heard_at
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import F32, I64, U8, Alignment, Bools, LipTrack, MouthBank, VideoInfo


@dataclass(frozen=True, eq=False)
class Person:
    """Clips of one person, tracked, with their bank."""

    name: str
    footage: Footage
    lips: LipTrack
    bank: MouthBank
    predicted: LipTrack  # what the shipped speech model says to the clips' own sound
    said: F32  # what is heard at every frame

    @staticmethod
    def load(name: str, files: list[Path], cache: Cache, *, flip: bool = True) -> Person:
        """Track the clips and collect their bank; `flip`: in the mirror as well."""
        infos = [media.probe(file) for file in files]
        options = landmarks.LandmarkOptions(landmark_flip=flip)
        tracks = [landmarks.track_video(info, options, cache) for info in infos]
        footage = Footage.of(infos, tracks)
        lips = tracked_face.lips(footage.track, footage.alignment)
        profile = LipProfile.of(lips)
        model = lip_model.LipLSTM.load(lip_model.LipOptions())
        predicted, said = [], []
        for file, info in zip(files, infos, strict=True):
            heard = features.extract(audio.load(file), model.spec)
            count = info.frame_count
            predicted.append(lip_model.predict(model, heard, profile, info.fps, count).points)
            phones = heard_at(heard, model.spec, np.arange(count) / float(info.fps))
            if phones is None:
                raise ValueError(f"{model.meta.get('name')}: wanted a model that hears phones")
            said.append(phones)
        bank = mouth_bank.build(
            footage.frames(),
            footage.track,
            footage.alignment,
            mouth_bank.BankOptions(bank_frames=30000),
            cache,
            footage.digest,
            lambda: np.concatenate(said),
        )
        return Person(
            name,
            footage,
            lips,
            bank,
            LipTrack(np.concatenate(predicted), lips.rate),
            np.concatenate(said),
        )

    def scenes(self, count: int) -> list[Scene]:
        """The first clips, which are those to be made anew."""
        ends = np.cumsum([info.frame_count for info in self.footage.infos])
        starts = ends - [info.frame_count for info in self.footage.infos]
        return [
            Scene(self, i, int(a), int(b))
            for i, (a, b) in enumerate(zip(starts[:count], ends[:count], strict=True))
        ]


@dataclass(frozen=True, eq=False)
class Scene:
    """One clip of a person, as it was."""

    person: Person
    index: int  # of the clip
    first: int  # frame of the footage
    end: int

    @property
    def order(self) -> I64:
        """Its frames in the footage."""
        return np.arange(self.first, self.end)

    @property
    def info(self) -> VideoInfo:
        return self.person.footage.infos[self.index]

    @cached_property
    def frames(self) -> U8:
        """As they are in the clip."""
        return np.stack(list(media.read_frames(self.info)))

    @cached_property
    def reference(self) -> Reference:
        """The clip through the encoder: what every row is compared with."""
        return self.against(self.encoded(self.frames))

    @cached_property
    def raw_reference(self) -> Reference:
        """The clip as it is."""
        return self.against(self.frames)

    def against(self, original: U8) -> Reference:
        """What rows are compared with, given the true frames."""
        person, order = self.person, self.order
        jaw = tracked_face.smoothed_points(person.footage.track, person.footage.track.scheme.jaw)[
            order
        ]
        # The chin and both sides of it: further up the line runs along the ear and the hair.
        scale = person.footage.alignment.scale[order]
        return Reference(original, self.region, self.touched, jaw[:, 3:-3], scale)

    @cached_property
    def alpha(self) -> F32:
        """(n, h, w): how much of the new mouth a default render shows."""
        track, alignment = self.person.footage.track, self.person.footage.alignment
        options = CompositeOptions()
        outlines = tracked_face.mouth_outlines(track, options.mask_inset)
        feather = options.mask_feather * alignment.scale
        shape = (self.info.height, self.info.width)
        return np.stack([soft_mask(outlines[i], float(feather[i]), shape) for i in self.order])

    @property
    def region(self) -> Bools:
        """(n, h, w): where that is at least half."""
        return np.asarray(self.alpha > 0.5)

    @property
    def touched(self) -> Bools:
        """(n, h, w): where it is enough to alter a pixel."""
        return np.asarray(self.alpha > 0.02)

    def encoded(self, frames: U8) -> U8:
        """Frames as a viewer of the finished file sees them."""
        info = self.info
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "clip.mp4"
            encode.encode(iter(frames), info, info.path, file, encode.EncodeOptions())
            return np.stack(list(media.read_frames(media.probe(file))))[: len(frames)]

    def bank(self) -> MouthBank:
        """The person's bank without this clip."""
        bank = self.person.bank
        own = (bank.frames >= self.first) & (bank.frames < self.end)
        return replace(bank, quality=np.where(own, 0, bank.quality).astype(np.float32))

    def remade(
        self,
        options: TextureOptions,
        lips: LipTrack,
        finish: TeethOptions | None = None,
        bank: MouthBank | None = None,
    ) -> U8:
        """The clip with a new mouth, from other clips' pixels.

        Args:
            finish: with teeth and edges.
            bank: which lends them; None: all of the person's but this clip's.
        """
        person, order = self.person, self.order
        bank = self.bank() if bank is None else bank
        source = open_texture(bank, options)
        wanted = LipTrack(lips.points[order], lips.rate)
        said = person.said[order]
        patches = source.patches(
            wanted, person.footage.track, person.footage.alignment, order, said
        )
        if finish is not None:
            patches = teeth.finished(
                patches,
                wanted,
                person.footage.track,
                person.footage.alignment,
                order,
                teeth_relief.find(bank) if finish.teeth == "auto" else teeth_relief.NO_TEETH,
                sharpen.sharpness_of(bank),
                finish,
            )
        parts = person.footage.track, person.footage.alignment, order, CompositeOptions()
        return np.stack([done.frame for done in composite(self.frames, patches, *parts)])

    def other_mouth(self) -> U8:
        """Another clip's mouth, aligned and blended in: no regard to what is said."""
        person = self.person
        shift = self.first - self.end if self.first else -self.end
        lips = LipTrack(np.roll(person.lips.points, shift, axis=0), person.lips.rate)
        return self.remade(TextureOptions(candidates=1, warp=False), lips)

    def jpeg(self) -> U8:
        """The clip through JPEG of quality 90."""
        made = []
        for frame in self.frames:
            _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            made.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
        return np.stack(made)

    def seen(self, frames: U8, wanted: LipTrack) -> tuple[float, float]:
        """Mean distance of the lips detected again from the wanted ones, and r_open."""
        person, order = self.person, self.order
        found = landmarks.track(frames, person.footage.track.fps, landmarks.LandmarkOptions())
        seen = tracked_face.lips(found, Alignment(person.footage.alignment.to_frame[order]))
        distance = np.linalg.norm(seen.points - wanted.points[order], axis=-1)
        r, _ = follows(LipTrack(wanted.points[order], seen.rate).opening, seen.opening)
        return float(np.nanmean(distance)), r

    def sheet(self, result: U8, path: Path) -> None:
        """Twelve frames of the clip and of the result."""
        some = range(30, 42)
        collector = SheetCollector(some, self.person.footage.track.fps)
        for i in some:
            place = self.person.footage.alignment.to_frame[self.order[i]]
            collector.add(i, self.frames[i], result[i], place)
        collector.save(path)


@dataclass(frozen=True)
class Line:
    """One row's figures on one clip."""

    pictures: PictureFigures
    lip_distance: float  # outer-eye distances
    r_open: float

    @staticmethod
    def mean(lines: list[Line]) -> Line:
        return Line(
            PictureFigures.mean([line.pictures for line in lines]),
            float(np.mean([line.lip_distance for line in lines])),
            float(np.mean([line.r_open for line in lines])),
        )

    def cells(self) -> str:
        """As a Markdown row, in the order of HEAD."""
        p = self.pictures
        return (
            f"{p.psnr:.1f} | {p.ssim:.3f} | {p.ssim_touched:.3f} | {p.sharpness:.2f} "
            f"| {p.band:.2f} | {p.flicker:.2f} | {p.border:.2f} | {p.border_95:.2f} "
            f"| {p.step:+.2f} | {self.lip_distance:.4f} | {self.r_open:.3f} | {p.ghosts:.0%} |"
        )


HEAD = (
    "| row | PSNR | SSIM | SSIM, touched | sharpness | band | E_warp | border ΔE | 95 % | step "
    "| lips | r_open | no ghosts |\n" + "|" + " --- |" * 13
)
