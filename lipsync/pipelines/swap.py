"""A face swap from left to right, one call per stage.

    target ─ landmarks → geometry ─┐
    model ─ autoencoder ───────────┴→ faceswap ─ Patch → composite → encode → mark
    target ─ sound, subtitles, chapters, tags ───────────────────────┘

As in `pipeline`, tracks are arrays over the whole clip, frames and patches are streams.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from lipsync import media
from lipsync.errors import NoFaceError, OptionsError, OutputError
from lipsync.face import landmarks, tracked_face
from lipsync.face.landmarks.detector import LandmarkDetector
from lipsync.faceswap import identity_check, maker
from lipsync.faceswap.autoencoder import FaceAutoencoder, Side
from lipsync.faceswap.faceset.store import FaceSet
from lipsync.faceswap.maker import FaceMaker
from lipsync.media import encode
from lipsync.mouth.finish import composite as composite_stage
from lipsync.options import SwapOptions
from lipsync.pipelines import outputs
from lipsync.report import diagnostics, provenance
from lipsync.report.results import SwapResult
from lipsync.runtime import positions
from lipsync.runtime.cache import Cache
from lipsync.runtime.threads import one_thread
from lipsync.runtime.timer import Clock
from lipsync.types import F32, U8, FaceTrack, Progress, VideoInfo

DETECT_PX = 256  # made faces are enlarged to this for their landmarks


def swap(
    source_faces: str | Path,
    video: str | Path,
    model: str | Path,
    output: str | Path | None = None,
    *,
    consent: str,
    options: SwapOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SwapResult:
    """Put one person's face in the place of another's.

    Args:
        source_faces: a set (`lipsync faces extract`) of the person whose face is to be shown.
        video: of the other person that the model learnt.
        model: weights of `training.face_autoencoder.train` on these two people.
        output: see `media.Output.of`, but for a pipe; default: the video's name with `.swap.mp4`,
            beside it.
        consent: who agreed to what; it is kept in the result's record.
        options: see `SwapOptions`.
        overwrite: replace the output if it exists.
        progress: is told (stage, done, total) as the work goes on.

    Returns:
        SwapResult. The output has the video's frames, its sound, subtitles, chapters and tags.

    Raises:
        LipsyncError: something the caller can mend; nothing was written.
    """
    options = options or SwapOptions()
    consent = agreed(consent)
    source_faces, video, model = Path(source_faces), Path(video), Path(model)
    target = _checked_output(
        output or video.with_name(f"{video.stem}.swap.mp4"), [video, model], overwrite
    )
    clock = Clock()
    with ExitStack() as stack:
        with clock.stage("model"):
            network = FaceAutoencoder.load(model, options.run.device)
            faces = stack.enter_context(FaceSet(source_faces))
            source = identity_check.side_of(network, faces, model)
        if options.run.device == "cpu":
            stack.enter_context(one_thread())
        with clock.stage("probe"):
            info = media.read_target(video, options.reading, None, target.format)
            sound, length = _own_sound(info, target.format)
            carried, left = media.carried(info, target.format, length, straight=True)
        with clock.stage("landmarks"):
            track, rivals = _tracked(info, options, progress)
            alignment = tracked_face.align(track)
            points = tracked_face.smoothed_points(track, range(track.scheme.count))
        warnings = [
            *identity_check.checked_target(network, source, info, track, alignment),
            *rivals,
            *left,
        ]
        visible = maker.visibility(track, options.faces.bridge)
        generator = stack.enter_context(face_maker(network, source, options))
        generator.check(track.scheme)

        # The frames are wanted twice: by the maker of faces, and below its patches.
        frames = media.read_frames(info)
        stack.callback(frames.close)
        to_make, below = itertools.tee(clock.each("decode", frames))
        patches = clock.each(
            "faces",
            maker.patches(
                to_make, generator, track, alignment, points, visible.share, options.faces
            ),
        )
        pictures = clock.each(
            "composite",
            composite_stage.composite(
                below,
                composite_stage.faded(patches, visible.share),
                track,
                alignment,
                np.arange(len(track)),
                composite_options(options),
                outlines=maker.outlines(track, alignment, options.faces),
            ),
        )
        changed = np.zeros(len(track), bool)
        said = f"{provenance.GENERATED_FACE}. Consent: {consent}"

        def finished() -> Iterator[U8]:
            for i, picture in enumerate(pictures):
                changed[i] = picture.alpha is not None
                yield picture.frame
                if progress is not None:
                    progress("swap", i + 1, len(track))

        def seal(whole_file: Path) -> None:
            provenance.mark(whole_file, target, said)
            provenance.write_sidecar(
                target.path, whole_file,
                inputs={"video": video, "source_faces": faces.path},
                models=[provenance.ModelCard.of(network.meta, model)],
                options=options.flat(), frames=len(track), fps=info.fps,
                changed=positions.runs_of_true(changed),
                statement=provenance.GENERATED_FACE, consent=consent,
            )  # fmt: skip

        with clock.stage("encode"):
            encode.encode(
                finished(), info, sound, target, options.encode,
                tags={**provenance.TAGS, "comment": said}, texts=provenance.texts(said),
                carried=carried, seal=seal,
            )  # fmt: skip
    missing = int((visible.share <= 0).sum())
    if missing:
        warnings.append(f"{missing} of {len(track)} frames show no face and keep the target's own")
    warnings += diagnostics.read([info])
    return SwapResult(
        output=target.path,
        sidecar=provenance.sidecar_path(target.path),
        frames=len(track),
        fps=info.fps,
        changed_frames=int(changed.sum()),
        frames_without_face=missing,
        frames_bridged=int(visible.bridged.sum()),
        source=identity_check.name_of(network, source),
        consent=consent,
        warnings=tuple(warnings),
        seconds={name: round(value, 3) for name, value in clock.seconds.items()},
    )


def _checked_output(name: str | Path, inputs: list[Path], overwrite: bool) -> media.Output:
    """Where the result goes.

    Raises:
        OutputError: it cannot be written there.
    """
    target = media.Output.of(name)
    if target.format.pipe:
        raise OutputError("-: the record of a swap lies beside it; give the name of a file")
    outputs.check_output(target, inputs, overwrite)
    return target


def _own_sound(info: VideoInfo, form: media.Format) -> tuple[media.Soundtrack | None, Fraction]:
    """The target's own sound, if it has any, and how long the whole output is, seconds."""
    if not info.has_audio:
        return None, info.duration
    skipped = media.sound_skipped(info)
    sound = media.probe_audio(info.path)
    # A wav begins at once; everything else holds sound that begins later as it is.
    moved = skipped if skipped or form.frames else None
    length = max(info.duration, sound.start + sound.duration - skipped)
    return media.Soundtrack(info.path, skipped=moved), length


def agreed(consent: str | None) -> str:
    """The consent, cleaned.

    Raises:
        OptionsError: there is none.
    """
    text = " ".join((consent or "").split())
    if len(text) < 3:
        raise OptionsError(
            'swap needs --consent "who agreed to what": nobody\'s face is used without their '
            "agreement, and the result's record says whose it was"
        )
    return text


def composite_options(options: SwapOptions) -> composite_stage.CompositeOptions:
    """How a face is set in: its light fitted to the border only if `seamless` is wanted."""
    how = options.faces
    return composite_stage.CompositeOptions(
        mask_feather=min(how.feather, 0.3), color_match=how.seamless, grain=how.face_grain
    )


def _tracked(
    info: VideoInfo, options: SwapOptions, progress: Progress | None
) -> tuple[FaceTrack, list[str]]:
    """The face that is replaced, and whether there were others."""
    how, device = options.landmarks, options.run.device
    several = how.face != "largest"
    with Cache(Cache.default_root() if options.run.cache else None) as cache:
        faces = landmarks.look_at_video(info, how, cache, device, progress, several)
    track = landmarks.choose(faces, how.face, how, device)
    if not track.found.any():
        raise NoFaceError(f"{info.path}: no face was found in its {len(track)} frames")
    seen = 1 if several else landmarks.rivals(faces)
    told = f"{seen} people are seen; the most prominent one's face is replaced (--face chooses)"
    return track, [told] if seen > 1 else []


@contextmanager
def face_maker(network: FaceAutoencoder, source: Side, options: SwapOptions) -> Iterator[FaceMaker]:
    """A maker of faces, with a landmark detector if it is to bend them."""
    if not options.faces.landmark_warp:
        yield FaceMaker(network, source)
        return
    with landmarks.open_detector(options.landmarks, options.run.device) as detector:
        yield FaceMaker(network, source, partial(_landmarks, detector))


def _landmarks(detector: LandmarkDetector, face: U8) -> F32 | None:
    """The landmarks (k, 2) of a face that was made, its pixels."""
    scale = DETECT_PX / len(face)
    large = cv2.resize(face, (DETECT_PX, DETECT_PX), interpolation=cv2.INTER_CUBIC)
    found = detector.detect(np.asarray(large, np.uint8))
    if not found:
        return None
    return np.asarray((found[0].points[:, :2] + 0.5) / scale - 0.5, np.float32)
