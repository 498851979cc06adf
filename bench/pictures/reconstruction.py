"""Re-render a clip's mouth from the person's other clips.

The target is a clip with known frames; the bank holds only OTHER clips of the person. Output and
original go through the same encoder and are compared pixel by pixel.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from bench.pictures.lip_correlation import correlate
from bench.pictures.picture_metrics import PictureMetrics, Reference
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.media import encode
from lipsync.mouth.bank import mouth_bank
from lipsync.mouth.bank.footage import Footage
from lipsync.mouth.finish.blend import soft_mask
from lipsync.mouth.finish.composite import CompositeOptions, Compositor, composite_frames
from lipsync.mouth.finish.sharpen import learn_sharpness
from lipsync.mouth.finish.teeth import TeethOptions, finish_teeth
from lipsync.mouth.finish.teeth_relief import NO_TEETH, find_teeth
from lipsync.mouth.texture import TextureOptions, load_model, open_texture
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.report.contact_sheet import ContactSheet
from lipsync.report.telling_moments import Moment
from lipsync.runtime.cache import Cache
from lipsync.speech import audio, features, lip_model, vad
from lipsync.speech.articulation import predict_speech
from lipsync.speech.features.phone_embedding import PHONE_SPEC, embed_phones
from lipsync.speech.lip_profile import LipProfile
from lipsync.speech.video_speech import VideoSpeech
from lipsync.types import (
    F32,
    I64,
    U8,
    Alignment,
    Bools,
    FootageAppearance,
    LipTrack,
    MouthBank,
    VideoInfo,
)


@dataclass(frozen=True, eq=False)
class Person:
    """Tracked clips of one person, with their bank."""

    name: str
    footage: Footage
    bank: MouthBank
    appearance: FootageAppearance
    predicted: LipTrack  # what the shipped speech model says to the clips' own sound
    phones: F32  # phone embedding of every frame

    @property
    def face(self) -> TrackedFace:
        """The person's face through all clips."""
        return self.footage.face

    @property
    def lips(self) -> LipTrack:
        """The lips that are seen."""
        return self.footage.face.lips

    @staticmethod
    def load(name: str, files: list[Path], cache: Cache, *, flip: bool = True) -> Person:
        """Track the clips and collect their bank; `flip`: in the mirror as well."""
        infos = [media.probe(file) for file in files]
        options = landmarks.LandmarkOptions(landmark_flip=flip)
        tracks = [landmarks.track_video(info, options, cache) for info in infos]
        footage = Footage.of([VideoSpeech(info) for info in infos], tracks)
        profile = LipProfile.of(footage.face.lips)
        model = lip_model.LipLSTM.load(lip_model.LipOptions())
        predicted, embedded = [], []
        for file, info in zip(files, infos, strict=True):
            wave = audio.load_speech(file)
            heard = features.extract(wave, model.spec)
            count = info.frame_count
            length = info.fps, count
            found = predict_speech(model, heard, vad.detect_speech(wave), profile, length)
            predicted.append(found.points)
            spoken = features.extract(wave, PHONE_SPEC)
            embedded.append(embed_phones(spoken, np.arange(count) / float(info.fps)))
        bank, appearance = mouth_bank.build(
            footage.frames(),
            footage.face,
            mouth_bank.BankOptions(bank_frames=30000),
            cache,
            footage.digest,
            lambda: np.concatenate(embedded),
        )
        return Person(
            name,
            footage,
            bank,
            appearance,
            LipTrack(np.concatenate(predicted), footage.face.fps),
            np.concatenate(embedded),
        )

    def scenes(self, count: int) -> list[TestClip]:
        """The first clips, which are the test clips."""
        counts = [video.info.frame_count for video in self.footage.videos]
        ends = np.cumsum(counts)
        starts = ends - counts
        return [
            TestClip(self, i, int(a), int(b))
            for i, (a, b) in enumerate(zip(starts[:count], ends[:count], strict=True))
        ]


@dataclass(frozen=True, eq=False)
class TestClip:
    """One clip of a person, as filmed."""

    person: Person
    index: int  # of the clip
    first: int  # frame of the footage
    end: int

    @property
    def order(self) -> I64:
        """Indices of its frames in the footage."""
        return np.arange(self.first, self.end)

    @property
    def info(self) -> VideoInfo:
        return self.person.footage.videos[self.index].info

    @cached_property
    def frames(self) -> U8:
        """Its decoded frames."""
        return np.stack(list(media.read_frames(self.info)))

    @cached_property
    def reference(self) -> Reference:
        """The clip after encoding, which rows are compared with."""
        return self.make_reference(self.encode(self.frames))

    @cached_property
    def raw_reference(self) -> Reference:
        """The clip without encoding."""
        return self.make_reference(self.frames)

    def make_reference(self, original: U8) -> Reference:
        """Reference for rows, given the true frames."""
        target = self.person.face.at(self.order)
        # The chin and both sides of it: further up the line runs along the ear and the hair.
        jaw = target.jaw[:, 3:-3]
        return Reference(original, self.region, self.touched, jaw, target.scale)

    @cached_property
    def alpha(self) -> F32:
        """(n, h, w): how much of the new mouth a default render shows."""
        target, options = self.person.face.at(self.order), CompositeOptions()
        outlines = target.outlines(options.mask_inset)
        feather = options.mask_feather * target.scale
        shape = (self.info.height, self.info.width)
        return np.stack(
            [soft_mask(one, float(f), shape) for one, f in zip(outlines, feather, strict=True)]
        )

    @property
    def region(self) -> Bools:
        """(n, h, w): where the new mouth is at least half opaque."""
        return np.asarray(self.alpha > 0.5)

    @property
    def touched(self) -> Bools:
        """(n, h, w): where a pixel is visibly altered."""
        return np.asarray(self.alpha > 0.02)

    def encode(self, frames: U8) -> U8:
        """Encode frames and decode them again."""
        return encode_again(frames, self.info)

    def bank(self) -> MouthBank:
        """The person's bank without this clip."""
        bank = self.person.bank
        own = (bank.frames >= self.first) & (bank.frames < self.end)
        return replace(bank, quality=np.where(own, 0, bank.quality).astype(np.float32))

    def render_mouth(
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
        wanted = WantedMouths(
            LipTrack(lips.points[order], lips.rate),
            person.face,
            order,
            phones=person.phones[order],
            skin_color=person.appearance.skin_color[order],
        )
        return draw_again(self.frames, wanted, bank, options, finish)

    def other_mouth(self) -> U8:
        """Another clip's mouth, aligned and blended in, regardless of the speech."""
        person = self.person
        shift = self.first - self.end if self.first else -self.end
        lips = LipTrack(np.roll(person.lips.points, shift, axis=0), person.lips.rate)
        return self.render_mouth(TextureOptions(candidates=1, warp=False), lips)

    def jpeg(self) -> U8:
        """The clip through JPEG of quality 90."""
        made = []
        for frame in self.frames:
            _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            made.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
        return np.stack(made)

    def measure_lips(self, frames: U8, wanted: LipTrack) -> tuple[float, float]:
        """Mean distance of the detected lips from the wanted ones, and r_open."""
        face, order = self.person.face, self.order
        found = landmarks.track_face(frames, face.fps, landmarks.LandmarkOptions())
        seen = TrackedFace(found, Alignment(face.alignment.to_frame[order])).lips
        distance = np.linalg.norm(seen.points - wanted.points[order], axis=-1)
        r, _ = correlate(LipTrack(wanted.points[order], seen.rate).opening, seen.opening)
        return float(np.nanmean(distance)), r

    def sheet(self, result: U8, path: Path) -> None:
        """Twelve frames of the clip and of the result."""
        some = range(30, 42)
        rate = float(self.person.face.fps)
        collector = ContactSheet([Moment(i, "") for i in some], lambda i: i / rate)
        for i in some:
            place = self.person.face.alignment.to_frame[self.order[i]]
            collector.add(i, self.frames[i], result[i], place)
        collector.save(path)


def draw_again(
    frames: U8,
    wanted: WantedMouths,
    bank: MouthBank,
    options: TextureOptions,
    finish: TeethOptions | None,
) -> U8:
    """Frames (n, h, w, 3) with wanted mouths from a bank; `finish`: with teeth and edges."""
    patches = open_texture(bank, options, load_model(options)).draw_patches(wanted)
    if finish is not None:
        teeth = find_teeth(bank) if finish.teeth == "auto" else NO_TEETH
        patches = finish_teeth(patches, wanted, teeth, learn_sharpness(bank), finish)
    compositor = Compositor(wanted.target, CompositeOptions(), lips=wanted.lips.points)
    made = composite_frames(frames, patches, compositor)
    return np.stack([done.frame for done in made])


def encode_again(frames: U8, info: VideoInfo) -> U8:
    """Encode frames (n, h, w, 3) as a render of that video does, and decode them again."""
    info = replace(info, stamps=None, frame_count=len(frames))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.mp4"
        encode.encode_video(iter(frames), info, None, file, encode.EncodeOptions())
        return np.stack(list(media.read_frames(media.probe(file))))[: len(frames)]


@dataclass(frozen=True)
class RowMetrics:
    """Metrics of one row on one clip."""

    pictures: PictureMetrics
    lip_distance: float  # outer-eye distances
    r_open: float

    @staticmethod
    def mean(lines: list[RowMetrics]) -> RowMetrics:
        return RowMetrics(
            PictureMetrics.mean([line.pictures for line in lines]),
            float(np.mean([line.lip_distance for line in lines])),
            float(np.mean([line.r_open for line in lines])),
        )

    def cells(self) -> str:
        """Format as a Markdown row, in the order of HEAD."""
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
