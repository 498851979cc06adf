"""A face swap from left to right, one call per stage.

    target ─ landmarks → geometry ─┐
    model ─ autoencoder ───────────┴→ faceswap ─ Patch → composite → encode → mark

As in `pipeline`, tracks are arrays over the whole clip, frames and patches are streams.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lipsync import composite as composite_stage
from lipsync import encode, faceswap, findings, geometry, landmarks, likeness, media, provenance
from lipsync.autoencoder import SIDES, FaceAutoencoder, Side
from lipsync.cache import Cache
from lipsync.clock import Clock
from lipsync.digest import sha256
from lipsync.errors import FacesError, NoFaceError, OptionsError, WeightsError
from lipsync.faceset.store import FaceSet
from lipsync.faceswap import FaceMaker
from lipsync.landmarks.detector import LandmarkDetector
from lipsync.options import SwapOptions
from lipsync.threads import one_thread
from lipsync.types import F32, U8, Alignment, FaceTrack, Progress, SwapResult, VideoInfo

SOME = 4  # frames of the target that are looked at to tell whose face it is
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
        model: weights of `training.train_autoencoder` on these two people.
        output: an .mp4; default: the video's name with `.swap.mp4`, beside it.
        consent: who agreed to what; it is kept in the result's record.
        options: see `SwapOptions`.
        overwrite: replace the output if it exists.
        progress: is told (stage, done, total) as the work goes on.

    Returns:
        SwapResult. The output has the video's frames and its sound.

    Raises:
        LipsyncError: something the caller can mend; nothing was written.
    """
    options = options or SwapOptions()
    consent = agreed(consent)
    source_faces, video, model = Path(source_faces), Path(video), Path(model)
    output = Path(output) if output else video.with_name(f"{video.stem}.swap.mp4")
    encode.check_output(output, [video, model], overwrite)
    clock = Clock()
    with ExitStack() as stack:
        with clock.stage("model"):
            network = FaceAutoencoder.load(model, options.run.device)
            faces = stack.enter_context(FaceSet(source_faces))
            source = side_of(network, faces, model)
        if options.run.device == "cpu":
            stack.enter_context(one_thread())
        with clock.stage("probe"):
            info = media.probe(video)
        with clock.stage("landmarks"):
            track = _tracked(info, options, progress)
            alignment = geometry.align(track)
            points = geometry.smoothed_points(track, range(track.scheme.count))
        warnings = list(_checked_target(network, source, info, track, alignment))
        visible = faceswap.visibility(track, options.faces.bridge)
        maker = stack.enter_context(face_maker(network, source, options))

        # The frames are wanted twice: by the maker of faces, and below its patches.
        frames = media.read_frames(info)
        stack.callback(frames.close)
        to_make, below = itertools.tee(clock.each("decode", frames))
        patches = clock.each(
            "faces",
            faceswap.patches(
                to_make, maker, track, alignment, points, visible.share, options.faces
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
                outlines=faceswap.outlines(track, alignment, options.faces),
            ),
        )
        changed = np.zeros(len(track), bool)

        def finished() -> Iterator[U8]:
            for i, picture in enumerate(pictures):
                changed[i] = picture.alpha is not None
                yield picture.frame
                if progress is not None:
                    progress("swap", i + 1, len(track))

        def seal(whole_file: Path) -> None:
            provenance.mark(whole_file, f"{provenance.GENERATED_FACE}. Consent: {consent}")
            provenance.write_sidecar(
                output, whole_file,
                inputs={"video": video, "source_faces": faces.path},
                models=[_card(network, model)],
                options=options.flat(), frames=len(track), fps=info.fps,
                changed=findings.runs(changed),
                statement=provenance.GENERATED_FACE, consent=consent,
            )  # fmt: skip

        with clock.stage("encode"):
            encode.encode(
                finished(), info, video if info.has_audio else None, output, options.encode,
                comment=provenance.GENERATED_FACE, seal=seal,
            )  # fmt: skip
    missing = int((visible.share <= 0).sum())
    if missing:
        warnings.append(f"{missing} of {len(track)} frames show no face and keep the target's own")
    return SwapResult(
        output=output,
        sidecar=provenance.sidecar_path(output),
        frames=len(track),
        fps=info.fps,
        changed_frames=int(changed.sum()),
        frames_without_face=missing,
        frames_bridged=int(visible.bridged.sum()),
        source=_name(network, source),
        consent=consent,
        warnings=tuple(warnings),
        seconds={name: round(value, 3) for name, value in clock.seconds.items()},
    )


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


def side_of(network: FaceAutoencoder, faces: FaceSet, model: Path) -> Side:
    """Which of a network's two people a set shows: by the very set, else by their looks.

    Raises:
        FacesError: neither.
        WeightsError: the checkpoint does not say whom it knows.
    """
    digests = network.meta.get("sets", {})
    for side in SIDES:
        if digests.get(side) == faces.digest:
            return side
    if not network.known:
        raise WeightsError(f"{model}: does not say whose faces it knows; train it again")
    alike = {
        side: likeness.likeness(faces.some_upper(), _known(network, side))
        for side in SIDES
        if side in network.known
    }
    best: Side = "a" if alike.get("a", 0) >= alike.get("b", 0) else "b"
    if alike[best] < likeness.SAME:
        people = " and ".join(_name(network, side) for side in SIDES)
        raise FacesError(
            f"{faces.path}: shows neither of the two people that {model.name} learnt ({people}; "
            f"likeness {alike[best]:.2f}, wanted {likeness.SAME}); train a model on these faces"
        )
    return best


def _known(network: FaceAutoencoder, side: Side) -> list[F32]:
    return list(network.known[side].float().numpy())


def _name(network: FaceAutoencoder, side: Side) -> str:
    return str(network.meta.get("people", {}).get(side, side))


def _tracked(info: VideoInfo, options: SwapOptions, progress: Progress | None) -> FaceTrack:
    with Cache(Cache.default_root() if options.run.cache else None) as cache:
        track = landmarks.track_video(info, options.landmarks, cache, options.run.device, progress)
    if not track.found.any():
        raise NoFaceError(f"{info.path}: no face was found in its {len(track)} frames")
    return track


def _checked_target(
    network: FaceAutoencoder, source: Side, info: VideoInfo, track: FaceTrack, alignment: Alignment
) -> Iterator[str]:
    """Is the target the other person? Warnings if it is hard to tell.

    Raises:
        FacesError: the target shows the source already.
    """
    other: Side = "b" if source == "a" else "a"
    if set(network.known) != set(SIDES):
        return
    found = np.flatnonzero(track.found)
    some = found[np.linspace(0, len(found) - 1, min(SOME, len(found))).astype(int)]
    upper = []
    for i in some.tolist():
        frame = next(media.read_frames(info, i, i + 1))
        upper.append(likeness.upper_face(frame, alignment.to_frame[i]))
    like_source = likeness.likeness(upper, _known(network, source))
    like_other = likeness.likeness(upper, _known(network, other))
    if like_source >= likeness.SAME and like_source > like_other:
        raise FacesError(
            f"{info.path}: shows {_name(network, source)} already (likeness {like_source:.2f}); "
            f"give a video of {_name(network, other)}, or the other person's --source-faces"
        )
    if like_other < likeness.SAME:
        yield (
            f"the person in {info.path.name} is not like {_name(network, other)}, whom the model "
            f"learnt (likeness {like_other:.2f}); the result will be poor"
        )


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


def _card(network: FaceAutoencoder, weights: Path) -> provenance.ModelCard:
    meta = network.meta
    return provenance.ModelCard(
        name=str(meta.get("name", "unnamed")),
        version=str(meta.get("version", "unknown")),
        sha256=sha256(weights),
        licence=str(meta.get("licence", "not stated")),
    )


def summary(result: SwapResult) -> dict[str, Any]:
    """A result as JSON-able values."""
    values = asdict(result)
    return {**values, "output": str(result.output), "sidecar": str(result.sidecar),
            "fps": str(result.fps)}  # fmt: skip
