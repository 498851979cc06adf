"""One speaker's new mouth, from their speech and their face to finished frames.

    speech ─ features → lip_lstm ─┐
                                  ├→ texture → composite
    track ─ geometry → mouth_bank ┘
       └→ adaptation ─ weights for lip_lstm

`prepared` does what is done once for the whole clip; `onto` sets the mouth into a stream of frames.
Several mouths are chained, each on top of what the one before made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lipsync import (
    adaptation,
    composite,
    features,
    findings,
    geometry,
    jaw,
    landmarks,
    lip_lstm,
    media,
    mouth_bank,
    shown,
    texture,
    voice,
)
from lipsync.cache import Cache
from lipsync.clock import Clock
from lipsync.dialogue import Part
from lipsync.errors import NoFaceError
from lipsync.features.said import said as heard_at
from lipsync.footage import Footage
from lipsync.landmarks import Faces
from lipsync.options import RenderOptions
from lipsync.types import (
    F32,
    I64,
    U8,
    Alignment,
    Bools,
    FaceTrack,
    LipTrack,
    MouthBank,
    Progress,
    Timing,
    VideoInfo,
    Waveform,
)


@dataclass(frozen=True, eq=False)
class Mouth:
    """Everything that is known of a mouth before the first frame is made. n output frames."""

    part: Part
    track: FaceTrack  # of the target
    alignment: Alignment
    bank: MouthBank
    where: shown.Shown
    choice: adaptation.Choice
    model: lip_lstm.LipLSTM
    spoken: bool  # speech was recognised in the sound
    predicted: LipTrack  # (n) as the speech has them
    lips: LipTrack  # (n) as they are shown
    visible: F32  # (n,) 0..1
    said: F32 | None  # (n, p)
    moved: F32 | None  # (n, j, 2), of the jaw
    wanted: Bools  # (n,) frames in which this speaker's mouth is to be new
    elsewhere: Bools  # target frames that show other faces only
    changed: Bools = field(init=False)  # (n,) filled in as frames are made
    distances: F32 = field(init=False)  # (n,) of the nearest real mouths, likewise

    def __post_init__(self) -> None:
        object.__setattr__(self, "changed", np.zeros(len(self.lips), bool))
        object.__setattr__(self, "distances", np.zeros(len(self.lips), np.float32))

    def onto(
        self, frames: Iterable[U8], timing: Timing, options: RenderOptions, clock: Clock
    ) -> Iterator[U8]:
        """The frames (h, w, 3) with this mouth; those that keep theirs pass untouched."""
        order = timing.source
        source = texture.open_texture(self.bank, options.texture)
        patches = source.patches(
            self.lips, self.track, self.alignment, order, self.said, self.moved
        )
        patches = findings.noted(clock.each("texture", patches), self.distances)
        pictures = composite.composite(
            frames,
            composite.faded(patches, self.visible),
            self.track,
            self.alignment,
            order,
            options.composite,
            self.moved,
        )
        for i, picture in enumerate(clock.each("composite", pictures)):
            self.changed[i] = picture.alpha is not None
            yield picture.frame

    def kept(self, order: I64) -> Kept:
        """How many frames of this speaker keep the target's own mouth, and why."""
        found = self.track.found
        return Kept(
            int((self.wanted & ~found[order]).sum()),
            int((self.wanted & self.elsewhere[order]).sum()),
            int((self.wanted & (self.where.turned & found)[order]).sum()),
            int((self.wanted & self.where.covered[order]).sum()),
        )

    def coverage(self) -> tuple[tuple[float, float], ...]:
        """Spans (s) in which the footage had no mouth near the wanted one."""
        return findings.coverage(self.distances, self.visible, float(self.lips.rate))

    def warnings(self, order: I64) -> Iterator[str]:
        """What is to be said of this mouth, with its speaker's name."""
        kept, thin_s = self.kept(order), sum(end - first for first, end in self.coverage())
        lines = (
            *findings.kept(
                int(self.wanted.sum()), kept.missing, kept.turned, kept.covered, kept.elsewhere
            ),
            *findings.warnings(self.spoken, self.bank, thin_s),
            *findings.hard_to_see(self.alignment, self.bank),
        )
        yield from (self.part.named(line) for line in lines)

    def shown_lips(self) -> LipTrack:
        """The predicted lips where they are wanted, elsewhere a mouth that says nothing."""
        points = self.predicted.points.copy()
        points[~self.wanted] = np.median(points[self.wanted], axis=0)
        return LipTrack(points, self.predicted.rate)


@dataclass(frozen=True)
class Kept:
    """Frames of one speaker that keep the target's own mouth."""

    missing: int  # the face is not seen
    elsewhere: int  # of those: other faces are
    turned: int
    covered: int


def prepared(
    part: Part,
    wave: Waveform,
    track: FaceTrack,
    faces: Faces,
    info: VideoInfo,
    timing: Timing,
    options: RenderOptions,
    cache: Cache,
    clock: Clock,
    progress: Progress | None = None,
) -> Mouth:
    """What one speaker's mouth does, and what it is made of.

    Args:
        part: who speaks, and when.
        wave: what is heard, on the output's time line.
        track: the speaker's face in the target `info`, one of its `faces`.
        timing: the target frame that each output frame shows.

    Raises:
        LipsyncError: something that the caller can mend.
    """
    order, n = timing.source, len(timing)
    times = np.arange(n) / float(info.fps)
    share = part.share(times, options.spans.span_fade, n / float(info.fps))
    _seen_in_spans(part, track, share, order)
    with clock.stage("voice"):
        speech = voice.listen(wave)
    with clock.stage("landmarks"):
        alignment = geometry.align(track)
        own_lips = geometry.lips(track, alignment)
    with clock.stage("adapt"):
        choice = adaptation.choose(info, own_lips, options, cache, progress)
        model = lip_lstm.LipLSTM.load(choice.weights, options.run.device)
    with clock.stage("features"):
        heard = features.extract(wave, model.spec)

    with clock.stage("lips"):
        profile = geometry.LipProfile.of(own_lips)
        predicted = lip_lstm.predict(model, heard, profile, info.fps, n)
        closed = geometry.closed_mouth(own_lips)
        own = own_lips.points[order]
        lips, visible = voice.settle(predicted, speech, closed, own, options.silence)
        lips, visible = voice.within(lips, visible, share, own)

    with clock.stage("mouth bank"):
        footage = _footage(info, track, faces, options, cache, progress)
        bank = mouth_bank.build(
            footage.frames(),
            footage.track,
            footage.alignment,
            options.bank,
            cache,
            footage.digest,
            (lambda: footage.said(model)) if model.spec.kind == "logmel+phones" else None,
        )
        said = heard_at(heard, model.spec, times)

    with clock.stage("shown"):
        where = shown.shown(track, bank, options.shown)
        visible = visible * where.share[order]
    with clock.stage("jaw"):
        moved = jaw.corrections(bank, lips, own_lips.points, track, alignment, order, options.jaw)
        if moved is not None:  # no jump where the target's own mouth returns
            moved *= visible[:, None, None]
    return Mouth(
        part=part,
        track=track,
        alignment=alignment,
        bank=bank,
        where=where,
        choice=choice,
        model=model,
        spoken=bool(len(speech.spans)),
        predicted=predicted,
        lips=lips,
        visible=visible,
        said=said,
        moved=moved,
        wanted=share > 0,
        elsewhere=landmarks.seen_elsewhere(faces, track),
    )


def _seen_in_spans(part: Part, track: FaceTrack, share: F32, order: I64) -> None:
    """Stop early where nothing could be changed."""
    if track.found[order][share > 0].any():
        return
    seconds = len(order) / float(track.fps)
    where = "any of its spans" if part.spans is not None else f"the first {seconds:.1f} s"
    raise NoFaceError(
        part.named(f"the face ({part.speaker.face}) is not seen in {where}; choose another")
    )


def _footage(
    info: VideoInfo,
    track: FaceTrack,
    faces: Faces,
    options: RenderOptions,
    cache: Cache,
    progress: Progress | None,
) -> Footage:
    """The target and whatever else there is of the person."""
    infos, tracks = [info], [track]
    looks: list[F32] | None = None
    for name in options.footage.reference:
        path = Path(name).expanduser()
        more = media.probe(path)
        seen = landmarks.look_at_video(
            more, options.landmarks, cache, options.run.device, progress, all_of_them=False
        )
        looks = landmarks.looks_of(faces, track) if looks is None else looks
        found = landmarks.most_like(seen, looks)
        if not found.found.any():
            raise NoFaceError(f"{path}: no face was found in its {len(found)} frames")
        infos.append(more)
        tracks.append(found)
    return Footage.of(infos, tracks, geometry.rigid_template(track))
