"""Filter, synchronize and store the segments of each speaker: OUT/<speaker>.npz.

    segments → sync_filter → tracks.measure → dataset

A speaker whose videos have not changed since the file was written is skipped.
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
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.hashing import hash_file
from lipsync.speech import audio, lip_model
from lipsync.speech.lip_model import LipOptions
from lipsync.types import Waveform
from training.corpus import dataset, segments, sync_filter
from training.corpus.dataset import Clip, Speaker
from training.corpus.footage_files import Drop, clip_names, pluralize, summarize_drops
from training.corpus.segments import Segment, SourceVideo
from training.corpus.tracks import cut, measure
from training.parallel.workers import WorkerPool

Viewed = dict[Path, tuple[SourceVideo, Path] | Drop]


@dataclass(frozen=True)
class PreparedSpeaker:
    """Result of preparing one speaker's videos; its fields are stored as JSON."""

    name: str
    clips: int
    seconds: float  # of all clips
    moved: int  # clips whose sound was delayed or early, and was shifted
    lags_s: tuple[float, float]  # smallest and largest delay
    drops: tuple[Drop, ...]

    @property
    def summary(self) -> str:
        """One line for the user."""
        line = f"{self.name}: {pluralize(self.clips, 'clip')}, {self.seconds / 60:.1f} min"
        if self.moved:
            by = " to ".join(f"{-lag * 1000:+.0f}" for lag in sorted({*self.lags_s}, reverse=True))
            line += f"; sound of {self.moved} moved by {by} ms"
        return f"{line}; dropped: {summarize_drops(self.drops)}" if self.drops else line


def prepare_speakers(
    speakers: dict[str, list[Path]], out: Path, trust: bool, pool: WorkerPool
) -> list[PreparedSpeaker]:
    """Write every speaker's file.

    Args:
        speakers: the videos of each.
        trust: skip the check of sound against lips.
    """
    fingerprints = {name: _fingerprint(videos, trust) for name, videos in speakers.items()}
    known = {name: _load_record(out, name, fingerprints[name]) for name in speakers}
    new = [video for name, videos in speakers.items() if not known[name] for video in videos]
    viewed = _view(new, out / "cache", pool)
    made = []
    for name, videos in speakers.items():
        prepared = known[name]
        if prepared is None:
            prepared = _prepare(name, videos, viewed, out, trust, pool)
            _save_record(out, prepared, fingerprints[name])
        print(prepared.summary, file=sys.stderr)
        made.append(prepared)
    return made


def _view(videos: list[Path], cache_root: Path, pool: WorkerPool) -> Viewed:
    """Find every video's segments, or the reason why there are none."""
    looked = dict(zip(videos, pool.map(segments.probe_video, videos, "videos"), strict=True))
    videos_found = [found for found in looked.values() if isinstance(found, SourceVideo)]
    divided = [segments.split_video(found) for found in videos_found]
    long = [piece for parts in divided if len(parts) > 1 for piece in parts]
    pool.map(partial(segments.track_piece, cache_root=cache_root), long, "minutes of long videos")
    view = partial(segments.find_segments, cache_root=cache_root)
    folders = zip(videos_found, pool.map(view, videos_found, "faces and speech"), strict=True)
    viewed: Viewed = {path: found for path, found in looked.items() if isinstance(found, Drop)}
    for found, folder in folders:
        viewed[found.info.path] = folder if isinstance(folder, Drop) else (found, folder)
    return viewed


def _prepare(
    name: str, videos: list[Path], viewed: Viewed, out: Path, trust: bool, pool: WorkerPool
) -> PreparedSpeaker:
    found: list[Segment] = []
    drops: list[Drop] = []
    for video in videos:
        seen = viewed[video]
        if isinstance(seen, Drop):
            drops.append(seen)
        else:
            more, between = segments.load_segments(*seen)
            found += more
            drops += between
    kept: list[tuple[Segment, float]] = []
    for segment, decision in zip(found, _check_sync(found, trust), strict=True):
        if decision.reason:
            part = None if segment.whole else segment.seconds
            drops.append(Drop(segment.path, decision.reason, decision.figures, part))
        else:
            kept.append((drop_unheard_frames(segment, decision.lag_s), decision.lag_s))
    drops.sort(key=lambda drop: (drop.path, drop.part or (0, 0)))
    place = out / f"{name}.npz"
    if kept:
        dataset.save(place, _speaker(name, kept, pool))
    else:
        place.unlink(missing_ok=True)  # outdated, of an earlier run
    lags = [lag for _, lag in kept if lag] or [0.0]
    seconds = sum(end - begin for begin, end in (segment.seconds for segment, _ in kept))
    moved = sum(lag != 0 for _, lag in kept)
    return PreparedSpeaker(name, len(kept), seconds, moved, (min(lags), max(lags)), tuple(drops))


def _check_sync(found: list[Segment], trust: bool) -> list[sync_filter.SyncDecision]:
    if not found:
        return []
    lips, _ = measure([segment.track for segment in found])
    evidence = [
        sync_filter.SyncEvidence(
            segment.path,
            sync_filter.measure_opening(track, len(segment.asked)),
            segment.asked,
            segment.speaking,
        )
        for segment, track in zip(found, lips, strict=True)
    ]
    return sync_filter.check_clips(evidence, trust)


def drop_unheard_frames(segment: Segment, lag_s: float) -> Segment:
    """Drop the frames whose sound, being early, lies before the start of the file."""
    fps = float(segment.track.fps)
    unheard = max(0, math.ceil(-(lag_s + segment.lead_in) * fps) - segment.first)
    if not unheard:
        return segment
    track = cut(segment.track, unheard, len(segment.track))
    return replace(segment, first=segment.first + unheard, track=track)


def _speaker(name: str, kept: list[tuple[Segment, float]], pool: WorkerPool) -> Speaker:
    """Turn kept segments and the delays of their sound into clips, measured together."""
    lips, profile = measure([segment.track for segment, _ in kept])
    asked = [
        (path, [sound_span(segment, lag_s) for segment, lag_s in group])
        for path, group in groupby(kept, lambda pair: pair[0].path)
    ]
    waves = [wave for sounds in pool.map(_sounds, asked) for wave in sounds]
    names = clip_names(path for path, _ in asked)
    clips = []
    for (segment, _), track, wave in zip(kept, lips, waves, strict=True):
        place = "" if segment.whole else f"@{segment.seconds[0]:07.2f}"
        clips.append(Clip(names[segment.path] + place, wave, track))
    return Speaker(name, profile, tuple(clips))


Span = tuple[float, float | None]  # seconds; None: to the end of the file


def sound_span(segment: Segment, lag_s: float) -> Span:
    """Time span of a segment's sound in its file."""
    late = segment.lead_in + lag_s
    begin, end = segment.seconds
    return begin + late, None if segment.whole else end + late


def _sounds(asked: tuple[Path, list[Span]]) -> list[Waveform]:
    """Cut out pieces of a file's sound, each at the standard level."""
    path, spans = asked
    wave = audio.load_speech(path)
    if spans == [(0.0, None)]:
        return [wave]
    return [audio.standardize(segments.cut_sound(wave, *span), str(path)) for span in spans]


def _fingerprint(videos: list[Path], trust: bool) -> str:
    """Hash everything that a speaker's file depends on."""
    files = [(str(v.resolve()), *_stamp(v)) for v in videos]
    weights = hash_file(lip_model.weights_path(LipOptions()))
    text = json.dumps([digest_code(__name__), weights, trust, files])
    return hashlib.sha256(text.encode()).hexdigest()


def _stamp(path: Path) -> list[int]:
    """Size and modification time of a file; empty if there is none."""
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _save_record(out: Path, prepared: PreparedSpeaker, fingerprint: str) -> None:
    """Store the result of a speaker, to be skipped next time."""
    values = {**asdict(prepared), "mark": fingerprint, "file": _stamp(out / f"{prepared.name}.npz")}
    place = _record_path(out, prepared.name)
    place.parent.mkdir(parents=True, exist_ok=True)
    with atomic.atomic_write(place) as temporary, atomic.os_errors_as_output_errors(place):
        temporary.write_text(json.dumps(values, default=str), encoding="utf-8")


def _load_record(out: Path, name: str, fingerprint: str) -> PreparedSpeaker | None:
    """Load the result of a speaker, unless it is outdated."""
    try:
        values = json.loads(_record_path(out, name).read_text(encoding="utf-8"))
        if values.pop("mark") != fingerprint or values.pop("file") != _stamp(out / f"{name}.npz"):
            return None
        drops = [
            Drop(
                **{**drop, "path": Path(drop["path"]), "part": drop["part"] and tuple(drop["part"])}
            )
            for drop in values.pop("drops")
        ]
        return PreparedSpeaker(
            **{**values, "lags_s": tuple(values["lags_s"]), "drops": tuple(drops)}
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _record_path(out: Path, name: str) -> Path:
    return out / "cache" / "prepared" / f"{name}.json"
