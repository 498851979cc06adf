"""A video → its takes: stretches with a face in view, short enough to be clips, and their speech.

    look → (track_piece, where it is long) → view → read

What was found is kept in OUT/cache, under the content of the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lipsync import media
from lipsync.errors import AudioError, MediaError
from lipsync.face import landmarks
from lipsync.learning.lip_losses import LOWER, UPPER
from lipsync.media.container import container_of
from lipsync.media.video_info import source_of
from lipsync.runtime.cache import Cache
from lipsync.runtime.hashing import sha256
from lipsync.speech import audio, features, lip_model, vad
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.types import F32, Bools, FaceTrack, VideoInfo, Waveform
from training.corpus import tracks
from training.corpus.footage_files import Drop
from training.corpus.tracks import OPTIONS, cut, joined, reduced

VERSION = 1  # of what is kept; change it when the same file would give something else
PIECE_S = 60  # of a long video, tracked at once: cores share it, and a stop costs little
LEAD_S = 1  # tracked before a piece as well, to know the face and to see a cut at its start
LONGEST_S = 10  # of a clip: a bad moment costs no more than that
SHORTEST_S = 1
AWAY_S = 0.4  # a face that is away for longer ends a take; shorter gaps are bridged
IN_VIEW_LEAST = 0.9  # share of frames with a face
MICROSECONDS = 1_000_000  # per second: the unit of a container's start time
RATE = 50  # Hz, at which seen and asked openings are compared, whatever the frame rate

Range = tuple[int, int]  # first frame, end


@dataclass(frozen=True)
class Footage:
    """A readable video with sound."""

    info: VideoInfo
    digest: str
    lead_in: Fraction  # seconds of the file, and so of its sound, before the first picture


@dataclass(frozen=True)
class Piece:
    """Frames first … end - 1 of a long video."""

    footage: Footage
    first: int
    end: int


@dataclass(frozen=True, eq=False)
class Take:
    """Frames first … end - 1 of a video."""

    path: Path
    whole: bool  # all of the video
    first: int
    end: int
    lead_in: float  # seconds of the video's sound before its first picture
    track: FaceTrack  # of these frames, reduced
    asked: F32  # (m,) at RATE: how open the sound wants the mouth, in no unit
    speaking: Bools  # (m,) at RATE

    @property
    def seconds(self) -> tuple[float, float]:
        """Begin and end."""
        fps = float(self.track.fps)
        return self.first / fps, self.end / fps


def look(path: Path) -> Footage | Drop:
    """Whether there may be something to learn from a file, before anything is decoded."""
    try:
        info = media.probe(path)
    except MediaError as error:
        return Drop(path, "unreadable", _said(path, error))
    if info.still or info.duration < SHORTEST_S:
        return Drop(path, "too short", f"{float(info.duration):.2f} s")
    if not info.has_audio:
        return Drop(path, "no sound")
    with container_of(path, MediaError) as container:
        opened = Fraction(container.start_time or 0, MICROSECONDS)
    return Footage(info, sha256(path), max(info.start - opened, Fraction()))


def pieces(footage: Footage) -> list[Piece]:
    """What the tracking of a video is divided into: one piece where it is short.

    A file without an index can only be read from its start, for every piece again: it stays whole.
    """
    n, size = footage.info.frame_count, round(PIECE_S * footage.info.fps)
    if n < 2 * size or not source_of(footage.info.path).indexed:
        return [Piece(footage, 0, n)]
    edges = np.linspace(0, n, n // size + 1).astype(int).tolist()
    return [Piece(footage, a, b) for a, b in pairwise(edges)]


def track_piece(piece: Piece, cache_root: Path) -> None:
    """Track a piece of a long video, and keep what was found."""
    with Cache(cache_root) as cache:
        _tracked_piece(piece, cache)


def view(footage: Footage, cache_root: Path) -> Path | Drop:
    """Find a video's takes, and what its sound asks of the mouth in each.

    Returns:
        The folder that `read` reads.
    """
    info, weights = footage.info, lip_model.path_of(LipOptions())
    key = {
        **_key(footage), "model": sha256(weights), "limits": (LONGEST_S, SHORTEST_S, AWAY_S),
    }  # fmt: skip

    def make(folder: Path) -> None:
        track = _tracked(footage, cache)
        ranges = in_view(track)
        ear = Ear(LipLSTM.load(weights), audio.load(info.path))
        whole = ranges == [(0, len(track))]
        heard = [
            ear.hear(footage.lead_in + first / info.fps, footage.lead_in + end / info.fps, whole)
            for first, end in ranges
        ]
        tracks.save(folder / "track.npz", track)
        np.savez(
            folder / "takes.npz",
            ranges=np.array(ranges, np.int64).reshape(-1, 2),
            ends=np.cumsum([0, *(len(asked) for asked, _ in heard)]),
            asked=np.concatenate([np.zeros(0, np.float32), *(asked for asked, _ in heard)]),
            speaking=np.concatenate([np.zeros(0, bool), *(speaking for _, speaking in heard)]),
        )

    try:
        with Cache(cache_root) as cache:
            return cache.folder("takes", key, make)
    except AudioError as error:
        return Drop(info.path, "no sound", _said(info.path, error))
    except MediaError as error:
        return Drop(info.path, "unreadable", _said(info.path, error))


def read(footage: Footage, folder: Path) -> tuple[list[Take], list[Drop]]:
    """What `view` found: the takes, and what lies between them."""
    path, fps = footage.info.path, footage.info.fps
    with np.load(folder / "takes.npz") as file:
        data = dict(file)
    track, n = tracks.load(folder / "track.npz", fps), footage.info.frame_count
    ranges = [(first, end) for first, end in data["ranges"].tolist()]
    found = [
        Take(
            path, (first, end) == (0, n), first, end, float(footage.lead_in),
            cut(track, first, end), data["asked"][a:b], data["speaking"][a:b],
        )
        for (first, end), (a, b) in zip(ranges, pairwise(data["ends"].tolist()), strict=True)
    ]  # fmt: skip
    drops = []
    for first, end in pairwise([0, *(edge for both in ranges for edge in both), n]):
        if (first, end) not in ranges and end - first >= max(1, AWAY_S * fps):
            part = None if (first, end) == (0, n) else (float(first / fps), float(end / fps))
            drops.append(Drop(path, *_why(track.found[first:end], float(fps)), part))
    return found, drops


def in_view(track: FaceTrack) -> list[Range]:
    """The takes of a video: all of it where it is short and shows a face nearly throughout.

    Else it is cut at its shots and where its face is away, and into parts of at most LONGEST_S.
    """
    n, fps = len(track), float(track.fps)
    if n <= LONGEST_S * fps and track.found.mean() >= IN_VIEW_LEAST:
        return [(0, n)]
    takes = []
    for shot, shot_end in track.shots():
        known = shot + np.flatnonzero(track.found[shot:shot_end])
        away = np.flatnonzero(np.diff(known) > AWAY_S * fps) + 1
        for seen in np.split(known, away):
            if len(seen):
                first, end = int(seen[0]), int(seen[-1]) + 1
                count = math.ceil((end - first) / (LONGEST_S * fps))
                edges = np.linspace(first, end, count + 1).astype(int).tolist()
                takes += list(pairwise(edges))
    return [
        (a, b)
        for a, b in takes
        if b - a >= SHORTEST_S * fps and track.found[a:b].mean() >= IN_VIEW_LEAST
    ]


def _why(found: Bools, fps: float) -> tuple[str, str]:
    """Why these frames are no take, and the figures."""
    figures = f"face in {found.mean():.0%} of {len(found) / fps:.2f} s"
    if not found.any():
        return "no face", figures
    if found.mean() < IN_VIEW_LEAST:
        return "face in too few frames", figures
    return "too short", f"{figures}, by shots of less than {SHORTEST_S} s"


class Ear:
    """A file's sound, and the network that listens to it."""

    def __init__(self, model: LipLSTM, wave: Waveform) -> None:
        self.model, self.wave, self.speech = model, wave, vad.listen(wave)

    def hear(self, begin: Fraction, end: Fraction, whole: bool) -> tuple[F32, Bools]:
        """How open the mouth should be, and whether somebody speaks: (m,) each, at RATE."""
        samples = sound(self.wave, float(begin), None if whole else float(end)).samples
        samples = np.pad(samples, (0, max(0, features.WINDOW - len(samples))))
        heard = features.extract(Waveform(samples, self.wave.rate), self.model.spec)
        shapes, times = self.model.shapes(heard)
        shapes = shapes.reshape(len(shapes), -1)
        at = np.arange(int((end - begin) * RATE)) / RATE
        asked = np.interp(at, times, shapes[:, LOWER] - shapes[:, UPPER])
        return asked.astype(np.float32), self.speech.at(float(begin) + at)


def sound(wave: Waveform, begin: float, end: float | None) -> Waveform:
    """The sound from `begin` to `end` seconds, as far as there is any; None: to its end."""
    first = max(0, round(begin * wave.rate))
    last = None if end is None else round(end * wave.rate)
    return Waveform(wave.samples[first:last], wave.rate)


def _tracked(footage: Footage, cache: Cache) -> FaceTrack:
    parts = pieces(footage)
    if len(parts) == 1:
        return reduced(landmarks.track_video(footage.info, OPTIONS, cache))
    return joined([_tracked_piece(piece, cache) for piece in parts], seamless=True)


def _tracked_piece(piece: Piece, cache: Cache) -> FaceTrack:
    info, first, end = piece.footage.info, piece.first, piece.end
    lead = min(first, round(LEAD_S * info.fps))

    def make(folder: Path) -> None:
        frames = media.read_frames(info, first - lead, end)
        found = reduced(landmarks.track(frames, info.fps, OPTIONS))
        tracks.save(folder / "track.npz", cut(found, lead, len(found)))

    key = {**_key(piece.footage), "first": first, "end": end}
    return tracks.load(cache.folder("piece", key, make) / "track.npz", info.fps)


def _key(footage: Footage) -> dict[str, Any]:
    return {
        "procedure": VERSION,
        "file": footage.digest,
        "fps": footage.info.fps,
        "frames": footage.info.frame_count,
        "detector": landmarks.detector_class(OPTIONS).version,
    }


def _said(path: Path, error: Exception) -> str:
    """What an error says, without the path that it is about."""
    return str(error).removeprefix(f"{path}: ")
