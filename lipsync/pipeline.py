"""A render from left to right, one call per stage. Start reading here.

    speech ─ audio → features → lip_lstm ─────────────────┐ LipTrack
                                                          ├→ texture → composite → encode → mark
    target ─ landmarks → geometry → mouth_bank ───────────┘
                    │         └→ retime → video ─ frames ──┘
                    └→ adaptation ─ weights for lip_lstm

Tracks are arrays over the whole clip; frames and patches are streams: memory does not grow with
the length of the video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import (
    adaptation,
    encode,
    features,
    findings,
    geometry,
    jaw,
    landmarks,
    lip_lstm,
    media,
    mouth_bank,
    pace,
    png,
    provenance,
    retime,
    texture,
    voice,
)
from lipsync import audio as audio_stage
from lipsync import composite as composite_stage
from lipsync import sheet as sheet_stage
from lipsync import shown as shown_stage
from lipsync import video as video_stage
from lipsync.cache import Cache
from lipsync.clock import Clock
from lipsync.digest import sha256
from lipsync.errors import NoFaceError
from lipsync.features.said import said as heard_at
from lipsync.footage import Footage
from lipsync.options import RenderOptions
from lipsync.standard_output import StandardOutput
from lipsync.types import (
    U8,
    FaceTrack,
    Progress,
    RenderResult,
    VideoInfo,
)


def render(
    audio: str | Path,
    video: str | Path,
    output: str | Path | None = None,
    *,
    sheet: str | Path | None = None,
    sidecar: str | Path | None = None,
    plot: str | Path | None = None,
    options: RenderOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RenderResult:
    """Make the person in `video` say what is in `audio`.

    Args:
        audio: any file with sound that ffmpeg reads.
        video: any video, or a still image, of one person's face.
        output: see `media.Output.of`; default: the video's name with `.lipsync.mp4`, beside it.
        sheet: also write a contact sheet (PNG) for looking at the result.
        sidecar: the JSON file of what was made of what; default: beside the output if it is a file.
        plot: also write a picture (PNG) of the speech, the head's motion and the chosen frames.
        options: see `RenderOptions`; default: all defaults.
        overwrite: replace the output if it exists.
        progress: is told (stage, done, total) as the work goes on.

    Returns:
        RenderResult. The output has round(duration of the sound × fps) frames, with `timing` cut
        no more than the video; of kept irregular times, those within that duration.

    Raises:
        LipsyncError: something the caller can mend; nothing was written. See `lipsync.errors`.
    """
    options = options or RenderOptions()
    audio, video = Path(audio), Path(video)
    target = media.Output.of(output or video.with_name(f"{video.stem}.lipsync.mp4"))
    output = target.path
    sheet = Path(sheet) if sheet else None
    encode.check_output(target, [audio, video], overwrite)
    sheet_stage.check_sheet(sheet, [audio, video, output])
    plot = Path(plot) if plot else None
    sheet_stage.check_sheet(plot, [audio, video, output, *([sheet] if sheet else [])])
    if sidecar is not None:
        encode.check_output(Path(sidecar), [audio, video, output], overwrite, ".json")
    elif not target.format.pipe:
        sidecar = provenance.sidecar_path(output)
    clock = Clock()
    with Cache(Cache.default_root() if options.run.cache else None) as cache:
        with clock.stage("probe"):
            media.probe(video)  # what is wrong with the target is said before anything of the sound

        with clock.stage("audio"):
            wave = audio_stage.load(audio)
            duration = media.probe_audio(audio).duration
        with clock.stage("probe"):
            constant = media.probe(video)
            straight = retime.in_order(constant, duration, options.timing)
            cut = options.timing.timing == "cut"
            length = min(duration, constant.duration) if cut else duration
            info = media.read_target(video, options.reading, length, target.format, straight)
            spoken = pace.frame_count(info, duration)
            n = retime.output_frames(spoken, info, options.timing)
        with clock.stage("voice"):
            speech = voice.listen(wave)

        with clock.stage("landmarks"):
            device = options.run.device
            track = landmarks.track_video(info, options.landmarks, cache, device, progress)
            if not track.found.any():
                raise NoFaceError(f"{video}: no face was found in its {len(track)} frames")
            alignment = geometry.align(track)
            own_lips = geometry.lips(track, alignment)
        with clock.stage("adapt"):
            steady = pace.regular(own_lips, info)
            choice = adaptation.choose(info, steady, options, cache, progress)
            model = lip_lstm.LipLSTM.load(choice.weights, options.run.device)
        with clock.stage("features"):
            heard = features.extract(wave, model.spec)
        with clock.stage("retime"):
            speaking = speech.filled(retime.FILLED_S).at(pace.times(info, n))
            motion = retime.Motion.of(track)
            retimed = retime.retime(speaking, motion, options.timing)
            order = retimed.timing.position
        times = pace.Pace.of(info, order)
        straight = bool((order == np.arange(n)).all())
        length = n / info.fps if info.stamps is None else info.stamps[n - 1]
        length = length if n < spoken else max(duration, length)
        sound, unheard = encode.soundtrack(audio, info, length, options.encode)
        carried, left = media.carried(info, target.format, length, straight)

        with clock.stage("lips"):
            profile = geometry.LipProfile.of(own_lips)
            wanted = lip_lstm.predict(model, heard, profile, times.rate, len(times.steps))
            closed = geometry.closed_mouth(own_lips)
            settled, seen = voice.settle(
                wanted, speech, closed, geometry.at(own_lips.points, times.steps), options.silence
            )
            predicted, lips = (times.track(one, info.fps) for one in (wanted, settled))
            visible = times.sampled(seen)

        with clock.stage("mouth bank"):
            footage = _footage(info, track, options, cache, progress)
            bank = mouth_bank.build(
                footage.frames(),
                footage.track,
                footage.alignment,
                options.bank,
                cache,
                footage.digest,
                (lambda: footage.said(model)) if model.spec.kind == "logmel+phones" else None,
            )
            said = heard_at(heard, model.spec, times.times)

        with clock.stage("shown"):
            where = shown_stage.shown(track, bank, options.shown)
            visible = visible * geometry.at(where.share, order)
        with clock.stage("jaw"):
            moved = jaw.corrections(
                bank, lips, own_lips.points, track, alignment, order, options.jaw
            )
            if moved is not None:  # no jump where the target's own mouth returns
                moved *= visible[:, None, None]

        frames = clock.each("decode", video_stage.frames_in_order(info, retimed.timing))
        source = texture.open_texture(bank, options.texture)
        patches = clock.each("texture", source.patches(lips, track, alignment, order, said, moved))
        distances = np.zeros(n, np.float32)
        patches = findings.noted(patches, distances)
        pictures = clock.each(
            "composite",
            composite_stage.composite(
                frames,
                composite_stage.faded(patches, visible),
                track,
                alignment,
                order,
                options.composite,
                moved,
            ),
        )

        collector = sheet_stage.SheetCollector(sheet_stage.telling_frames(predicted), info.fps)
        changed = np.zeros(n, bool)

        def finished() -> Iterator[U8]:
            for i, picture in enumerate(pictures):
                changed[i] = picture.alpha is not None
                if sheet is not None:
                    place = geometry.at(alignment.to_frame, order[i])
                    collector.add(i, picture.target, picture.frame, place)
                yield picture.frame
                if progress is not None:
                    progress("render", i + 1, n)

        def seal(whole_file: Path) -> None:
            provenance.mark(whole_file, target)
            if sidecar is None:
                return
            provenance.write_sidecar(
                output,
                whole_file,
                inputs={"audio": audio, "video": video},
                models=[_card(model, choice.weights)],
                options=options.flat(),
                frames=n,
                fps=info.fps,
                changed=findings.runs(changed),
                place=Path(sidecar),
                digest=stream.sha256 if target.format.pipe else None,
            )

        stream = StandardOutput()
        with clock.stage("encode"):
            encode.encode(
                finished(),
                info,
                sound,
                target,
                options.encode,
                tags=provenance.TAGS,
                texts=provenance.texts(),
                carried=carried,
                onward=stream.write,
                seal=seal,
            )
    if sheet is not None:
        collector.save(sheet)
    if plot is not None:
        png.write(plot, retime.picture(wave, speaking, motion, order))
    missing = int((~geometry.at(track.found, order)).sum())
    turned = int(geometry.at(where.turned & track.found, order).sum())
    hidden = int(geometry.at(where.covered, order).sum())
    thin = findings.coverage(distances, visible, times.mean_rate)
    return RenderResult(
        output=output,
        sidecar=Path(sidecar) if sidecar is not None else None,
        sheet=sheet,
        plot=plot,
        frames=n,
        fps=info.fps,
        duration=float(min(duration, n / info.fps) if n < spoken else duration),
        changed_frames=int(changed.sum()),
        frames_without_face=missing,
        frames_turned=turned,
        frames_covered=hidden,
        coverage=thin,
        adaptation=choice.line,
        timing=retimed.line,
        warnings=(
            *retimed.warnings(spoken),
            *findings.read(footage.infos),
            *unheard,
            *left,
            *findings.unwritten(sidecar is None),
            *findings.kept(n, missing, turned, hidden),
            *findings.warnings(bool(len(speech.spans)), bank, sum(b - a for a, b in thin)),
            *findings.hard_to_see(alignment, bank),
        ),
        seconds={name: round(value, 3) for name, value in clock.seconds.items()},
    )


def _card(model: lip_lstm.LipLSTM, weights: Path) -> provenance.ModelCard:
    meta = model.meta
    return provenance.ModelCard(
        name=str(meta.get("name", "unnamed")),
        version=str(meta.get("version", "unknown")),
        sha256=sha256(weights),
        licence=str(meta.get("licence", "not stated")),
    )


def _footage(
    info: VideoInfo,
    track: FaceTrack,
    options: RenderOptions,
    cache: Cache,
    progress: Progress | None,
) -> Footage:
    """The target and whatever else there is of the person."""
    infos, tracks = [info], [track]
    for name in options.footage.reference:
        path = Path(name).expanduser()
        more = media.probe(path, tonemap=not info.hdr)
        found = landmarks.track_video(more, options.landmarks, cache, options.run.device, progress)
        if not found.found.any():
            raise NoFaceError(f"{path}: no face was found in its {len(found)} frames")
        infos.append(more)
        tracks.append(found)
    return Footage.of(infos, tracks, geometry.rigid_template(track))


def summary(result: RenderResult) -> dict[str, Any]:
    """A result as JSON-able values; `fps` as text, exactly."""
    values = asdict(result)
    for name in ("output", "sidecar", "sheet", "plot"):
        values[name] = str(values[name]) if values[name] is not None else None
    return {**values, "fps": str(result.fps)}
