"""Videos of people → OUT/<speaker>.npz for each, without what would teach the wrong thing.

    footage → takes → judge → tracks.measure → corpus

A speaker whose videos have not changed since their file was written is not looked at again.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from lipsync.runtime import atomic
from lipsync.runtime.hashing import sha256
from lipsync.speech import audio, lip_model
from lipsync.speech.lip_model import LipOptions
from lipsync.types import Waveform
from training.corpus import dataset, segments, sync_filter
from training.corpus.dataset import Clip, Speaker
from training.corpus.footage_files import Drop, clip_names, counted, told
from training.corpus.segments import Footage, Take
from training.corpus.tracks import cut, measure
from training.parallel.workers import Workers

VERSION = 1  # of the procedure; files made by another one are made again

Viewed = dict[Path, tuple[Footage, Path] | Drop]


@dataclass(frozen=True)
class Prepared:
    """What became of one speaker's videos."""

    name: str
    clips: int
    seconds: float  # of all clips
    moved: int  # clips whose sound was late or early, and was moved
    lags_s: tuple[float, float]  # by which it was late, least and most
    drops: tuple[Drop, ...]

    @property
    def line(self) -> str:
        """For people."""
        line = f"{self.name}: {counted(self.clips, 'clip')}, {self.seconds / 60:.1f} min"
        if self.moved:
            by = " to ".join(f"{-lag * 1000:+.0f}" for lag in sorted({*self.lags_s}, reverse=True))
            line += f"; sound of {self.moved} moved by {by} ms"
        return f"{line}; dropped: {told(self.drops)}" if self.drops else line


def prepare_people(
    people: dict[str, list[Path]], out: Path, trust: bool, work: Workers
) -> list[Prepared]:
    """Write every speaker's file.

    Args:
        people: the videos of each.
        trust: do not judge whether sound and lips belong together.
    """
    marks = {name: _mark(videos, trust) for name, videos in people.items()}
    known = {name: _recorded(out, name, marks[name]) for name in people}
    new = [video for name, videos in people.items() if not known[name] for video in videos]
    viewed = _view(new, out / "cache", work)
    made = []
    for name, videos in people.items():
        prepared = known[name]
        if prepared is None:
            prepared = _prepare(name, videos, viewed, out, trust, work)
            _record(out, prepared, marks[name])
        print(prepared.line, file=sys.stderr)
        made.append(prepared)
    return made


def _view(videos: list[Path], cache_root: Path, work: Workers) -> Viewed:
    """Every video's takes, or why there are none."""
    looked = dict(zip(videos, work.each(segments.look, videos, "videos"), strict=True))
    footage = [found for found in looked.values() if isinstance(found, Footage)]
    divided = [segments.pieces(found) for found in footage]
    long = [piece for parts in divided if len(parts) > 1 for piece in parts]
    work.each(partial(segments.track_piece, cache_root=cache_root), long, "minutes of long videos")
    view = partial(segments.view, cache_root=cache_root)
    folders = zip(footage, work.each(view, footage, "faces and speech"), strict=True)
    viewed: Viewed = {path: found for path, found in looked.items() if isinstance(found, Drop)}
    for found, folder in folders:
        viewed[found.info.path] = folder if isinstance(folder, Drop) else (found, folder)
    return viewed


def _prepare(
    name: str, videos: list[Path], viewed: Viewed, out: Path, trust: bool, work: Workers
) -> Prepared:
    found: list[Take] = []
    drops: list[Drop] = []
    for video in videos:
        seen = viewed[video]
        if isinstance(seen, Drop):
            drops.append(seen)
        else:
            more, between = segments.read(*seen)
            found += more
            drops += between
    kept: list[tuple[Take, float]] = []
    for take, verdict in zip(found, _judged(found, trust), strict=True):
        if verdict.reason:
            part = None if take.whole else take.seconds
            drops.append(Drop(take.path, verdict.reason, verdict.figures, part))
        else:
            kept.append((_heard_throughout(take, verdict.lag_s), verdict.lag_s))
    drops.sort(key=lambda drop: (drop.path, drop.part or (0, 0)))
    place = out / f"{name}.npz"
    if kept:
        dataset.save(place, _speaker(name, kept, work))
    else:
        place.unlink(missing_ok=True)  # of an earlier run: nothing of it holds any longer
    lags = [lag for _, lag in kept if lag] or [0.0]
    seconds = sum(end - begin for begin, end in (take.seconds for take, _ in kept))
    moved = sum(lag != 0 for _, lag in kept)
    return Prepared(name, len(kept), seconds, moved, (min(lags), max(lags)), tuple(drops))


def _judged(found: list[Take], trust: bool) -> list[sync_filter.Verdict]:
    if not found:
        return []
    lips, _ = measure([take.track for take in found])
    evidence = [
        sync_filter.Evidence(
            take.path, sync_filter.seen(track, len(take.asked)), take.asked, take.speaking
        )
        for take, track in zip(found, lips, strict=True)
    ]
    return sync_filter.judge(evidence, trust)


def _heard_throughout(take: Take, lag_s: float) -> Take:
    """The take less the frames whose sound, being early, is from before the file begins."""
    fps = float(take.track.fps)
    unheard = max(0, math.ceil(-(lag_s + take.lead_in) * fps) - take.first)
    if not unheard:
        return take
    track = cut(take.track, unheard, len(take.track))
    return replace(take, first=take.first + unheard, track=track)


def _speaker(name: str, kept: list[tuple[Take, float]], work: Workers) -> Speaker:
    """Kept takes and how late their sound is → clips in time, measured together."""
    lips, profile = measure([take.track for take, _ in kept])
    asked = [
        (path, [_span(take, lag_s) for take, lag_s in group])
        for path, group in groupby(kept, lambda pair: pair[0].path)
    ]
    waves = [wave for sounds in work.each(_sounds, asked) for wave in sounds]
    names = clip_names(path for path, _ in asked)
    clips = []
    for (take, _), track, wave in zip(kept, lips, waves, strict=True):
        place = "" if take.whole else f"@{take.seconds[0]:07.2f}"
        clips.append(Clip(names[take.path] + place, wave, track))
    return Speaker(name, profile, tuple(clips))


Span = tuple[float, float | None]  # seconds of a file's sound; None: to its end


def _span(take: Take, lag_s: float) -> Span:
    """Where the sound of a take is in its file."""
    late = take.lead_in + lag_s
    begin, end = take.seconds
    return begin + late, None if take.whole else end + late


def _sounds(asked: tuple[Path, list[Span]]) -> list[Waveform]:
    """Pieces of a file's sound, each at the standard level."""
    path, spans = asked
    wave = audio.load(path)
    if spans == [(0.0, None)]:
        return [wave]
    return [audio.standard(segments.sound(wave, *span), str(path)) for span in spans]


def _mark(videos: list[Path], trust: bool) -> str:
    """Of all that a speaker's file depends on."""
    files = [(str(v.resolve()), *_stamp(v)) for v in videos]
    weights = sha256(lip_model.path_of(LipOptions()))
    text = json.dumps([VERSION, segments.VERSION, weights, trust, files])
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(path: Path) -> list[int]:
    """Changes when a file does; empty where there is none."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _record(out: Path, prepared: Prepared, mark: str) -> None:
    """Remember that a speaker is done, and what was said about it."""
    values = {**asdict(prepared), "mark": mark, "file": _stamp(out / f"{prepared.name}.npz")}
    place = _place(out, prepared.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic.whole(place) as temporary, atomic.refusals(place):
        temporary.write_text(json.dumps(values, default=str), encoding="utf-8")


def _recorded(out: Path, name: str, mark: str) -> Prepared | None:
    """What was remembered, if it still holds."""
    try:
        values = json.loads(_place(out, name).read_text(encoding="utf-8"))
        if values.pop("mark") != mark or values.pop("file") != _stamp(out / f"{name}.npz"):
            return None
        drops = [
            Drop(
                **{**drop, "path": Path(drop["path"]), "part": drop["part"] and tuple(drop["part"])}
            )
            for drop in values.pop("drops")
        ]
        return Prepared(**{**values, "lags_s": tuple(values["lags_s"]), "drops": tuple(drops)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _place(out: Path, name: str) -> Path:
    return out / "cache" / "prepared" / f"{name}.json"
