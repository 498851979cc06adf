"""One speaker's new mouth, from their speech and their face to finished frames.

    speech ─ features → lip_lstm ─┐
                                  ├→ texture → teeth → composite
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

from lipsync.dialogue.speaker_parts import Part
from lipsync.errors import NoFaceError
from lipsync.face import head_pose, landmarks, tracked_face
from lipsync.face.landmarks import Faces
from lipsync.media.frame_times import regular
from lipsync.mouth import texture
from lipsync.mouth.bank import footage, mouth_bank
from lipsync.mouth.decoder import decoder_texture
from lipsync.mouth.finish import composite, jaw_warp, sharpen, teeth, teeth_relief, visibility
from lipsync.options import RenderOptions
from lipsync.pipelines import adapt, person
from lipsync.report import diagnostics
from lipsync.report.provenance import ModelCard
from lipsync.retime.timeline import Pace
from lipsync.runtime import positions
from lipsync.runtime.cache import Cache
from lipsync.runtime.prefetch import ahead
from lipsync.runtime.timer import Clock
from lipsync.speech import features, lip_model, silence
from lipsync.speech.features.phone_embedding import said as heard_at
from lipsync.speech.lip_profile import LipProfile, closed_mouth
from lipsync.speech.vad import Speech
from lipsync.types import (
    F32,
    U8,
    Alignment,
    Bools,
    FaceTrack,
    LipTrack,
    MouthBank,
    Positions,
    Progress,
    VideoInfo,
    Waveform,
)


@dataclass(frozen=True, eq=False)
class Scene:
    """What all speakers of a render have in common."""

    info: VideoInfo  # the target
    faces: Faces  # all that it shows
    pace: Pace  # what the output shows of it, and when


@dataclass(frozen=True, eq=False)
class Mouth:
    """Everything that is known of a mouth before the first frame is made. n output frames."""

    part: Part
    scene: Scene
    track: FaceTrack  # of the target
    alignment: Alignment
    footage: footage.Footage  # that the bank is made of
    bank: MouthBank
    rows: teeth_relief.Teeth  # of teeth, that lend their relief
    sharpness: sharpen.Sharpness  # of the person's own mouths
    where: visibility.Shown
    choice: adapt.Choice
    model: lip_model.LipLSTM
    spoken: bool  # speech was recognised in the sound
    predicted: LipTrack  # (n) as the speech has them
    lips: LipTrack  # (n) as they are shown
    visible: F32  # (n,) 0..1
    said: F32 | None  # (n, p)
    moved: F32 | None  # (n, j, 2), of the jaw
    wanted: Bools  # (n,) frames in which this speaker's mouth is to be new
    elsewhere: Bools  # target frames that show other faces only
    drawn_by: tuple[ModelCard, ...]  # the decoder of its texture, if there is one
    notes: tuple[str, ...]  # what is to be said of that
    changed: Bools = field(init=False)  # (n,) filled in as frames are made
    distances: F32 = field(init=False)  # (n,) of the nearest real mouths, likewise

    def __post_init__(self) -> None:
        object.__setattr__(self, "changed", np.zeros(len(self.lips), bool))
        object.__setattr__(self, "distances", np.zeros(len(self.lips), np.float32))

    def onto(self, frames: Iterable[U8], options: RenderOptions, clock: Clock) -> Iterator[U8]:
        """The frames (h, w, 3) with this mouth; those that keep theirs pass untouched."""
        order = self.scene.pace.order
        source = texture.open_texture(self.bank, options.texture, options.run.device)
        patches = source.patches(
            self.lips, self.track, self.alignment, order, self.said, self.moved
        )
        patches = diagnostics.noted(clock.each("texture", patches), self.distances)
        patches = teeth.finished(
            patches,
            self.lips,
            self.track,
            self.alignment,
            order,
            self.rows,
            self.sharpness,
            options.teeth,
        )
        patches = composite.faded(clock.each("teeth", patches), self.visible)
        pictures = composite.composite(
            frames,
            clock.each("wait", ahead(patches)),
            self.track,
            self.alignment,
            order,
            options.composite,
            self.moved,
        )
        for i, picture in enumerate(clock.each("composite", pictures)):
            self.changed[i] = picture.alpha is not None
            yield picture.frame

    def model_cards(self) -> list[ModelCard]:
        """Of the speech model that moves it, and of the decoder that draws it, if one does."""
        return [ModelCard.of(self.model.meta, self.choice.weights), *self.drawn_by]

    def kept(self) -> Kept:
        """How many frames of this speaker keep the target's own mouth, and why."""
        found, where = self.track.found, self.where
        missing = ~positions.sample_at(found, self.scene.pace.order)
        others, turned, covered = (
            positions.sample_at(flags, self.scene.pace.order)
            for flags in (self.elsewhere, where.turned & found, where.covered)
        )
        counts = [int((self.wanted & one).sum()) for one in (missing, others, turned, covered)]
        return Kept(*counts)

    def place(self, i: int) -> F32:
        """Canonical mouth space → output frame i, (2, 3)."""
        return np.asarray(positions.sample_at(self.alignment.to_frame, self.scene.pace.order[i]))

    def coverage(self) -> tuple[tuple[float, float], ...]:
        """Spans (s) in which the footage had no mouth near the wanted one."""
        return diagnostics.coverage(self.distances, self.visible, self.scene.pace.mean_rate)

    def warnings(self) -> Iterator[str]:
        """What is to be said of this mouth, with its speaker's name."""
        kept, thin_s = self.kept(), sum(end - first for first, end in self.coverage())
        lines = (
            *diagnostics.kept(
                int(self.wanted.sum()), kept.missing, kept.turned, kept.covered, kept.elsewhere
            ),
            *diagnostics.warnings(self.spoken, self.bank, thin_s),
            *diagnostics.hard_to_see(self.alignment, self.bank),
            *self.notes,
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
    speech: Speech,
    track: FaceTrack,
    scene: Scene,
    options: RenderOptions,
    cache: Cache,
    clock: Clock,
    progress: Progress | None = None,
) -> Mouth:
    """What one speaker's mouth does, and what it is made of.

    Args:
        part: who speaks, and when.
        wave: what is heard, on the output's time line; `speech`: where somebody speaks in it.
        track: the speaker's face, one of the scene's.

    Raises:
        LipsyncError: something that the caller can mend.
    """
    info, pace, order = scene.info, scene.pace, scene.pace.order
    share = part.share(pace.times, options.spans.span_fade, pace.end)
    _seen_in_spans(part, track, share, order)
    with clock.stage("landmarks"):
        alignment = tracked_face.align(track)
        own_lips = tracked_face.lips(track, alignment)
    with clock.stage("adapt"):
        choice = adapt.choose(info, regular(own_lips, info), options, cache, progress)
        model = lip_model.LipLSTM.load(choice.weights, options.run.device)
    with clock.stage("features"):
        heard = features.extract(wave, model.spec)

    with clock.stage("lips"):
        profile = LipProfile.of(own_lips)
        wished = lip_model.predict(model, heard, profile, pace.rate, len(pace.steps))
        wished = silence.rested(wished, speech, profile)
        still = closed_mouth(own_lips)
        if options.silence.silence == "rest" and profile.rest is not None:
            still = profile.rest
        own = positions.sample_at(own_lips.points, pace.steps)
        settled, seen = silence.settle(wished, speech, still, own, options.silence)
        predicted, lips = pace.track(wished, info.fps), pace.track(settled, info.fps)
        own = positions.sample_at(own_lips.points, order)
        lips = head_pose.turned(lips, track, alignment, order)
        lips, visible = silence.within(lips, pace.sampled(seen), share, own)

    with clock.stage("mouth bank"):
        sources = person.gathered(info, track, scene.faces, options, cache, progress)
        bank = mouth_bank.build(
            sources.frames(),
            sources.track,
            sources.alignment,
            options.bank,
            cache,
            sources.digest,
            (lambda: sources.said(model)) if "phones" in model.spec.parts else None,
        )
        said = heard_at(heard, model.spec, pace.times)

    with clock.stage("teeth rows"):
        rows = teeth_relief.NO_TEETH
        if options.teeth.teeth != "off":
            given = person.teeth_given(info, track, scene.faces, options, cache, progress)
            rows = teeth_relief.find(bank, given)
        sharpness = sharpen.sharpness_of(bank)

    with clock.stage("shown"):
        where = visibility.shown(track, bank, options.shown)
        visible = visible * positions.sample_at(where.share, order)
    with clock.stage("jaw"):
        moved = jaw_warp.corrections(
            bank, lips, own_lips.points, track, alignment, order, options.jaw
        )
        if moved is not None:  # no jump where the target's own mouth returns
            moved *= visible[:, None, None]
    drawn_by, notes = _decoder(track, scene, options)
    notes = (*notes, *diagnostics.teeth_lent(options.teeth.teeth, rows))
    return Mouth(
        part=part,
        scene=scene,
        track=track,
        alignment=alignment,
        footage=sources,
        bank=bank,
        rows=rows,
        sharpness=sharpness,
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
        elsewhere=landmarks.seen_elsewhere(scene.faces, track),
        drawn_by=drawn_by,
        notes=notes,
    )


def _decoder(
    track: FaceTrack, scene: Scene, options: RenderOptions
) -> tuple[tuple[ModelCard, ...], tuple[str, ...]]:
    """The decoder that draws the mouth, if one does, and what speaks against it."""
    if options.texture.texture != "decoder" or options.texture.mouth_model is None:
        return (), ()
    network = decoder_texture.opened(options.texture)
    looks = landmarks.looks_of(scene.faces, track)
    note = decoder_texture.doubts(network, looks, track.scheme.name)
    weights = Path(options.texture.mouth_model).expanduser()
    return (ModelCard.of(network.meta, weights),), (note,) if note else ()


def _seen_in_spans(part: Part, track: FaceTrack, share: F32, order: Positions) -> None:
    """Stop early where nothing could be changed."""
    if positions.sample_at(track.found, order)[share > 0].any():
        return
    seconds = len(order) / float(track.fps)
    where = "any of its spans" if part.spans is not None else f"the first {seconds:.1f} s"
    raise NoFaceError(
        part.named(f"the face ({part.speaker.face}) is not seen in {where}; choose another")
    )
