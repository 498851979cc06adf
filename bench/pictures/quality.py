"""Sharpness, steadiness and accuracy of rendered mouths. Writes docs/benchmarks/quality.md.

    python -m bench.pictures.quality [--shared ../shared] [--clips 12 6] [--out runs/quality]

Reconstruction: clips of GRID speakers 1 and 4 are re-rendered from the person's other clips, so
that the true frames are known. Cross-driving: each target says speech that is not its own;
landmarks are detected again in the output and compared with the lips that were asked for. Contact
sheets of both go to --out. Decoders are trained on footage outside the test clips, for minutes per
person, and kept in --out; --decoder-steps 0 leaves their rows out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import lipsync
from bench.pictures.lip_correlation import correlate
from bench.pictures.reconstruction import HEAD, Person
from bench.pictures.table_rows import (
    DEFINITIONS,
    PREDICTED,
    ROWS,
    bank_minutes,
    choose_clips,
    decoder_rows,
    describe_mask,
    footage_rows,
    measure_rows,
    no_flip_row,
    section_date,
    whole_bank,
)
from bench.support import pages
from lipsync import media
from lipsync.face import landmarks
from lipsync.face.tracked_face import TrackedFace
from lipsync.mouth.finish.teeth import TeethOptions
from lipsync.mouth.texture import TextureOptions
from lipsync.runtime.cache import Cache
from lipsync.speech import audio, features, lip_model, vad
from lipsync.speech.articulation import predict_speech
from lipsync.speech.lip_profile import LipProfile
from lipsync.types import LipTrack

REPO = Path(__file__).resolve().parents[2]
MORE_CLIPS = 400  # a bank of 20 minutes, if there is enough footage
FEW_CLIPS = 3  # test clips with less and more footage
CASES = (
    ("grid_s1_120s.mp4", "jfk.flac"),
    ("grid_s1_120s.mp4", "LJ001-0001.wav"),
    ("grid_s4_60s.mp4", "jfk.flac"),
    ("grid_s4_60s.mp4", "LJ001-0001.wav"),
    ("englishvideo.mp4", "jfk.flac"),
    ("englishvideo.mp4", "LJ001-0001.wav"),
)


def reconstruction_section(
    person: Person,
    unflipped_person: Person,
    more: Person | None,
    clips: int,
    sheets: Path,
    steps: int,
) -> list[str]:
    """The tables of one person.

    Args:
        unflipped_person: the same clips without landmarks from the mirrored image.
        more: the same clips with a larger bank, if there is enough footage.
        steps: of the decoders' training; 0: without their rows.
    """
    scenes = person.scenes(clips)
    rows = decoder_rows(person, clips, sheets, steps) if steps else ()
    new, predicted = rows[:2], rows[2:]
    minutes = bank_minutes(person, scenes[0])
    text = [
        f"## {person.name}, reconstructed: {clips} clips, a bank of {minutes:.1f} minutes",
        "",
        section_date(),
        "",
        describe_mask(scenes),
        "",
        HEAD,
        *measure_rows(person, scenes, (*ROWS, no_flip_row(unflipped_person), *new), "true"),
        "",
        "The same with the lips that the shipped speech model predicts (not adapted), against the "
        "same clips:",
        "",
        HEAD,
        *measure_rows(person, scenes, (*PREDICTED, *predicted), "predicted"),
        "",
        f"With less and with more footage, true lips, the first {FEW_CLIPS} clips:",
        "",
        HEAD,
        *measure_rows(
            person, scenes[:FEW_CLIPS], footage_rows(person, clips, sheets, steps), "true"
        ),
        *measure_rows(person, scenes[:FEW_CLIPS], (whole_bank(minutes),), "true"),
    ]
    if more is not None:
        larger = more.scenes(clips)[:FEW_CLIPS]
        text += measure_rows(more, larger, (whole_bank(bank_minutes(more, larger[0])),), "true")
    text.append("")
    for scene in scenes[:2]:
        result = scene.render_mouth(TextureOptions(), person.lips, TeethOptions())
        scene.sheet(result, sheets / f"{person.name}_{scene.index}.png")
        for row in new:
            name = "decoder" if "refines" in row.name else "lips"
            scene.sheet(row.make(scene), sheets / f"{person.name}_{scene.index}_{name}.png")
    return text


def reconstruct_person(data: Path, name: str, clips: int, sheets: Path, steps: int) -> list[str]:
    """`reconstruction_section` in a process of its own."""
    with Cache(Cache.default_root()) as cache:
        few, many = choose_clips(data, name, clips), choose_clips(data, name, clips, MORE_CLIPS)
        person = Person.load(name, few, cache)
        unflipped_person = Person.load(name, few, cache, flip=False)
        more = Person.load(name, many, cache) if len(many) > len(few) else None
        return reconstruction_section(person, unflipped_person, more, clips, sheets, steps)


def lips_in(video: Path, cache: Cache) -> LipTrack:
    """Lips detected in a file, in its own canonical space."""
    track = landmarks.track_video(media.probe(video), landmarks.LandmarkOptions(), cache)
    return TrackedFace.of(track).lips


def lips_wanted(speech: Path, target: Path, n: int, cache: Cache) -> LipTrack:
    """Lips predicted by the shipped model, on the target's mouth."""
    model = lip_model.LipLSTM.load(lip_model.LipOptions())
    wave = audio.load_speech(speech)
    heard = features.extract(wave, model.spec)
    profile = LipProfile.of(lips_in(target, cache))
    length = media.probe(target).fps, n
    return predict_speech(model, heard, vad.detect_speech(wave), profile, length)


def driven_row(target: Path, speech: Path, out: Path) -> str:
    """Render one case and measure the output: a row of the table."""
    name = f"{target.stem}_{speech.stem}"
    options = lipsync.RenderOptions.of(adapt="never")  # what is measured is the picture
    result = lipsync.render(
        speech,
        target,
        out / f"{name}.mp4",
        sheet=out / f"{name}.png",
        overwrite=True,
        options=options,
    )
    made = media.probe(result.output)
    with Cache(Cache.default_root()) as cache:
        wanted = lips_wanted(speech, target, made.frame_count, cache)
        seen = lips_in(result.output, cache)
    r_open, articulation = correlate(wanted.opening, seen.opening)
    r_width, _ = correlate(wanted.width, seen.width)
    print(json.dumps({"case": name, "warnings": result.warnings}), file=sys.stderr, flush=True)
    return (
        f"| {target.name} | {speech.name} | {made.frame_count} | {made.fps} "
        f"| {float(media.probe_audio(result.output).duration):.2f} "
        f"| {r_open:.3f} | {r_width:.3f} | {articulation:.2f} "
        f"| {result.changed_frames} | {result.frames_turned} | {result.frames_covered} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.pictures.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shared", type=Path, default=REPO.parent / "shared")
    parser.add_argument("--clips", type=int, nargs=2, default=(12, 6), metavar=("S1", "S4"))
    parser.add_argument("--out", type=Path, default=REPO / "runs" / "quality")
    parser.add_argument("--decoder-steps", type=int, default=400, help="0: without decoders")
    parser.add_argument("--only", choices=("reconstruction", "driving"), help="keep the rest")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="people at once")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = options.shared / "data"
    text = [
        "# Pictures",
        "",
        f"Written by `python -m bench.pictures.quality`; {platform.machine()}, {os.cpu_count()} "
        f"cores. The "
        "rows that decide, alone: [bars.md](bars.md), in minutes.",
        "",
        DEFINITIONS,
    ]
    if options.decoder_steps:
        text += [f"Decoders are trained by {options.decoder_steps} steps of 8 mouths.", ""]
    if options.only != "driving":
        work = [
            (data, name, clips, options.out, options.decoder_steps)
            for name, clips in zip(("grid_s1", "grid_s4"), options.clips, strict=True)
        ]
        with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
            for section in [pool.submit(reconstruct_person, *one) for one in work]:
                text += section.result()
    if options.only != "reconstruction":
        text += [
            "## Driven by speech that is not their own",
            "",
            section_date(),
            "",
            "Not adapted, encoded, landmarks detected again: correlation of the inner-lip gap "
            "(r_open) and of the mouth width (r_width) with those asked for, in pauses as well, "
            "where a render closes the mouth; articulation: ratio of the gaps' standard "
            "deviations.",
            "",
            "| target | speech | frames | fps | sound s | r_open | r_width | articulation "
            "| changed | turned | covered |",
            "|" + " --- |" * 11,
        ]
        for target, speech in CASES:
            line = driven_row(data / "targets" / target, data / "speech" / speech, options.out)
            print(line, file=sys.stderr, flush=True)
            text.append(line)
    pages.write(REPO / "docs" / "benchmarks" / "quality.md", "\n".join(text))


if __name__ == "__main__":
    main()
