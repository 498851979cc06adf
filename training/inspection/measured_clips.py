"""Measure every clip of a corpus of real and made clips.

    python -m training.inspection.measured_clips --corpus runs/inspection [--again NAME ...]

Writes CORPUS/values-*.jsonl: one line per clip with the value of every measure over the whole clip
and over its windows. Resumes; clips that --again names by kind are measured again. CORPUS/pictures
keeps what the pictures say, frame by frame: delete it when a picture measure has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from lipsync import media
from lipsync.errors import LipsyncError, NoFaceError
from lipsync.face.landmarks import LandmarkOptions
from lipsync.inspection.measures import Measure, PictureWatch
from lipsync.inspection.picture_pass import Values
from lipsync.inspection.scoring import STEP_S, WINDOW_S, Measured
from lipsync.inspection.track_measures import track_measures
from lipsync.inspection.watches import picture_watches
from lipsync.pipelines.measure_face import measure_lips, measure_pictures
from lipsync.pipelines.person import Person, find_person
from lipsync.runtime.atomic import atomic_write
from lipsync.runtime.context import RunContext
from training.inspection.corpus_manifest import ClipEntry, Manifest

VALUES, PICTURES = "values-{}.jsonl", "pictures"  # one file of values per process


@dataclass(frozen=True)
class ClipValues:
    """A clip, and what was measured of it."""

    clip: ClipEntry
    whole: dict[str, float]  # by measure; NaN: not applicable
    windows: tuple[dict[str, float], ...]


def main(argv: list[str] | None = None) -> None:
    """Measure all clips that have not been measured yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--corpus", type=Path, default=Path("runs/inspection"))
    parser.add_argument("--again", nargs="*", default=[], metavar="KIND")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("I", "N"),
                        help="every Nth clip from I on, for several processes")  # fmt: skip
    args = parser.parse_args(argv)
    try:
        measure_corpus(args.corpus, set(args.again), *args.part)
    except LipsyncError as error:
        sys.exit(f"error: {error}")


def measure_corpus(folder: Path, again: set[str], part: int = 0, parts: int = 1) -> None:
    """Measure what is missing; every clip is recorded as soon as it is measured.

    The order mixes people and kinds, so that what an interrupted run leaves is a fair sample.
    """
    clips = [one for one in Manifest(folder).made().values() if _shuffled(one) % parts == part]
    earlier = {one.clip.path: one for one in load_values(folder) if one.clip.kind not in again}
    known = {
        clip.path: earlier[clip.path]
        for clip in clips
        if clip.path in earlier and earlier[clip.path].clip == clip
    }
    place = folder / VALUES.format(part)
    with RunContext.open(True, "cpu", None) as run, place.open("w", encoding="utf-8") as file:
        measurer = ClipMeasurer(folder, run)
        file.writelines(_line(one) for one in known.values())
        wanted = sorted((one for one in clips if one.path not in known), key=_shuffled)
        for i, clip in enumerate(wanted):
            print(f"\r{i + 1}/{len(wanted)} {clip.path:<60}", end="", file=sys.stderr, flush=True)
            found = measurer.measure(clip)
            if found is not None:
                file.write(_line(found))
                file.flush()
    print(file=sys.stderr)


def _shuffled(clip: ClipEntry) -> int:
    """A number by which clips are in an order that mixes people and kinds."""
    return zlib.crc32(clip.path.encode())


class ClipMeasurer:
    """Measures clips; those whose pictures are another's, with other sound, share what they can."""

    def __init__(self, folder: Path, run: RunContext) -> None:
        self._folder, self._run = folder, run
        self._seen: dict[str, tuple[Person, Values]] = {}  # by the digest of the pictures

    def measure(self, clip: ClipEntry) -> ClipValues | None:
        """All measures of a clip; None if it shows no face."""
        place, run = self._folder / clip.path, self._run
        watches = picture_watches([], LandmarkOptions(), run)
        digest = digest_pictures(place)
        if digest not in self._seen:
            try:
                person = find_person(media.probe(place), LandmarkOptions(), run)
            except NoFaceError:
                return None
            names = {one.name for watch in watches for one in watch.measures}
            self._seen[digest] = person, self._pictures(digest, person, watches, names)
        first, pictures = self._seen[digest]
        person = replace(first, info=media.probe(place))
        measured, _ = measure_lips(person, pictures, watches, run)
        windows = tuple(measured.span_values(*window) for window in _windows(measured))
        return ClipValues(clip, measured.span_values(0, len(measured.evidence)), windows)

    def _pictures(
        self, digest: str, person: Person, watches: Sequence[PictureWatch], names: set[str]
    ) -> Values:
        """Picture measures, from an earlier run if it made all of them."""
        place = self._folder / PICTURES / f"{digest[:32]}.npz"
        if place.is_file():
            with np.load(place) as kept:
                if names <= set(kept.files):
                    return {name: kept[name] for name in names}
        values = measure_pictures(person, watches, self._run)
        place.parent.mkdir(exist_ok=True)
        with atomic_write(place) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **values)  # type: ignore[arg-type]
        return values


def digest_pictures(path: Path) -> str:
    """Digest of a video's coded pictures."""
    found = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux(video=0):
            found.update(bytes(packet))
    return found.hexdigest()


def _windows(measured: Measured) -> Iterator[tuple[int, int]]:
    """The windows of the timeline that `scoring` makes; every fourth, so that they do not lap."""
    rate, n = float(measured.evidence.face.fps), len(measured.evidence)
    length, step = max(1, round(WINDOW_S * rate)), max(1, round(STEP_S * rate))
    for start in range(0, max(n - length, 0) + 1, 4 * step):
        yield start, min(n, start + length)


def load_values(folder: Path) -> list[ClipValues]:
    """What was measured of a corpus so far, by all processes."""
    found = {}
    for place in sorted(folder.glob(VALUES.format("*"))):
        for line in place.read_text("utf-8").splitlines():
            one = json.loads(line)
            clip = ClipEntry(**one["clip"])
            found[clip.path] = ClipValues(clip, one["whole"], tuple(one["windows"]))
    return list(found.values())


def all_measures() -> list[Measure]:
    """Every measure, in the order in which an inspection has them."""
    with RunContext.open(False, "cpu", None) as run:
        watches = picture_watches([], LandmarkOptions(), run)
    pictures = [measure for watch in watches for measure in watch.measures]
    return pictures + [measure for track in track_measures() for measure in track.measures]


def _line(one: ClipValues) -> str:
    record = {"clip": vars(one.clip), "whole": one.whole, "windows": one.windows}
    return json.dumps(record, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
