"""Cut a video into segments with a face in view, and predict their lip opening from the sound.

    probe_video → (track_piece, for long videos) → find_segments → load_segments

Results are cached in OUT/cache under the hash of the file.
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
from lipsync.media.container import open_container
from lipsync.media.video_info import inspect_source
from lipsync.runtime.cache import Cache
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.hashing import hash_file
from lipsync.speech import audio, features, lip_model, vad
from lipsync.speech.lip_model import LipLSTM, LipOptions
from lipsync.types import F32, Bools, FaceTrack, VideoInfo, Waveform
from training.corpus import tracks
from training.corpus.footage_files import Drop
from training.corpus.tracks import LANDMARK_OPTIONS, cut, join, reduce

PIECE_S = 60  # of a long video: unit of work for the pool and of progress when interrupted
OVERLAP_S = 1  # tracked before each piece too: to lock on the face and to see a cut at its start
MAX_SEGMENT_S = 10  # a clip is dropped as a whole, so this limits the loss
MIN_SEGMENT_S = 1
MAX_GAP_S = 0.4  # a longer gap in the face track ends a segment; shorter ones are bridged
MIN_FACE_SHARE = 0.9  # share of frames with a face
MICROSECONDS = 1_000_000  # per second: the unit of a container's start time
RATE = 50  # Hz, at which measured and predicted lip openings are compared

Range = tuple[int, int]  # first frame, end


@dataclass(frozen=True)
class SourceVideo:
    """A readable video with sound."""

    info: VideoInfo
    digest: str
    lead_in: Fraction  # seconds of the file, and so of its sound, before the first frame


@dataclass(frozen=True)
class VideoPiece:
    """Frames first … end − 1 of a long video, tracked at once."""

    video: SourceVideo
    first: int
    end: int


@dataclass(frozen=True, eq=False)
class Segment:
    """Frames first … end − 1 of a video, with a face in view."""

    path: Path
    whole: bool  # the segment is the whole video
    first: int
    end: int
    lead_in: float  # seconds of the video's sound before its first frame
    track: FaceTrack  # of these frames, reduced
    asked: F32  # (m,) at RATE: lip opening predicted from the sound, in arbitrary units
    speaking: Bools  # (m,) at RATE

    @property
    def seconds(self) -> tuple[float, float]:
        """Begin and end."""
        fps = float(self.track.fps)
        return self.first / fps, self.end / fps


def probe_video(path: Path) -> SourceVideo | Drop:
    """Check whether a file is usable, before decoding anything."""
    try:
        info = media.probe(path)
    except MediaError as error:
        return Drop(path, "unreadable", _message(path, error))
    if info.still or info.duration < MIN_SEGMENT_S:
        return Drop(path, "too short", f"{float(info.duration):.2f} s")
    if not info.has_audio:
        return Drop(path, "no sound")
    with open_container(path, MediaError) as container:
        opened = Fraction(container.start_time or 0, MICROSECONDS)
    return SourceVideo(info, hash_file(path), max(info.start - opened, Fraction()))


def split_video(video: SourceVideo) -> list[VideoPiece]:
    """Divide a long video into pieces to track in parallel; a short one stays whole.

    A file without an index stays whole: every piece would have to be read from the start.
    """
    n, size = video.info.frame_count, round(PIECE_S * video.info.fps)
    if n < 2 * size or not inspect_source(video.info.path).indexed:
        return [VideoPiece(video, 0, n)]
    edges = np.linspace(0, n, n // size + 1).astype(int).tolist()
    return [VideoPiece(video, a, b) for a, b in pairwise(edges)]


def track_piece(piece: VideoPiece, cache_root: Path) -> None:
    """Track a piece of a long video into the cache."""
    with Cache(cache_root) as cache:
        _track_piece(piece, cache)


def find_segments(video: SourceVideo, cache_root: Path) -> Path | Drop:
    """Find the segments of a video, and predict the lip opening in each from its sound.

    Returns:
        The cache folder for `load_segments`.
    """
    info, weights = video.info, lip_model.weights_path(LipOptions())
    limits = MAX_SEGMENT_S, MIN_SEGMENT_S, MAX_GAP_S
    key = {**_key(video), "model": hash_file(weights), "limits": limits}

    def make(folder: Path) -> None:
        track = track_source(video, cache)
        ranges = segment_ranges(track)
        predictor = OpeningPredictor(LipLSTM.load(weights), audio.load_speech(info.path))
        whole = ranges == [(0, len(track))]
        heard = [
            predictor.predict(
                video.lead_in + first / info.fps, video.lead_in + end / info.fps, whole
            )
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
            return cache.folder("takes", key, make, code=digest_code(__name__))
    except AudioError as error:
        return Drop(info.path, "no sound", _message(info.path, error))
    except MediaError as error:
        return Drop(info.path, "unreadable", _message(info.path, error))


def load_segments(video: SourceVideo, folder: Path) -> tuple[list[Segment], list[Drop]]:
    """Load what `find_segments` found: the segments, and the parts between them."""
    path, fps = video.info.path, video.info.fps
    with np.load(folder / "takes.npz") as file:
        data = dict(file)
    track, n = tracks.load(folder / "track.npz", fps), video.info.frame_count
    ranges = [(first, end) for first, end in data["ranges"].tolist()]
    found = [
        Segment(
            path, (first, end) == (0, n), first, end, float(video.lead_in),
            cut(track, first, end), data["asked"][a:b], data["speaking"][a:b],
        )
        for (first, end), (a, b) in zip(ranges, pairwise(data["ends"].tolist()), strict=True)
    ]  # fmt: skip
    drops = []
    for first, end in pairwise([0, *(edge for both in ranges for edge in both), n]):
        if (first, end) not in ranges and end - first >= max(1, MAX_GAP_S * fps):
            part = None if (first, end) == (0, n) else (float(first / fps), float(end / fps))
            drops.append(Drop(path, *_drop_reason(track.found[first:end], float(fps)), part))
    return found, drops


def segment_ranges(track: FaceTrack) -> list[Range]:
    """Choose the segments of a video: all of it, if short and with a face in nearly every frame.

    Otherwise it is cut at shot changes and where the face is missing, into at most MAX_SEGMENT_S.
    """
    n, fps = len(track), float(track.fps)
    if n <= MAX_SEGMENT_S * fps and track.found.mean() >= MIN_FACE_SHARE:
        return [(0, n)]
    ranges = []
    for shot, shot_end in track.shots():
        known = shot + np.flatnonzero(track.found[shot:shot_end])
        away = np.flatnonzero(np.diff(known) > MAX_GAP_S * fps) + 1
        for seen in np.split(known, away):
            if len(seen):
                first, end = int(seen[0]), int(seen[-1]) + 1
                count = math.ceil((end - first) / (MAX_SEGMENT_S * fps))
                edges = np.linspace(first, end, count + 1).astype(int).tolist()
                ranges += list(pairwise(edges))
    return [
        (a, b)
        for a, b in ranges
        if b - a >= MIN_SEGMENT_S * fps and track.found[a:b].mean() >= MIN_FACE_SHARE
    ]


def _drop_reason(found: Bools, fps: float) -> tuple[str, str]:
    """Why these frames are no segment, and the measurements."""
    figures = f"face in {found.mean():.0%} of {len(found) / fps:.2f} s"
    if not found.any():
        return "no face", figures
    if found.mean() < MIN_FACE_SHARE:
        return "face in too few frames", figures
    return "too short", f"{figures}, by shots of less than {MIN_SEGMENT_S} s"


class OpeningPredictor:
    """Predicts the lip opening from the sound of one file."""

    def __init__(self, model: LipLSTM, wave: Waveform) -> None:
        self.model, self.wave, self.speech = model, wave, vad.detect_speech(wave)

    def predict(self, begin: Fraction, end: Fraction, whole: bool) -> tuple[F32, Bools]:
        """Predict the lip opening, and detect speech: (m,) each, at RATE."""
        samples = cut_sound(self.wave, float(begin), None if whole else float(end)).samples
        samples = np.pad(samples, (0, max(0, features.WINDOW - len(samples))))
        heard = features.extract(Waveform(samples, self.wave.rate), self.model.spec)
        shapes, times = self.model.predict_shapes(heard)
        shapes = shapes.reshape(len(shapes), -1)
        at = np.arange(int((end - begin) * RATE)) / RATE
        asked = np.interp(at, times, shapes[:, LOWER] - shapes[:, UPPER])
        return asked.astype(np.float32), self.speech.at(float(begin) + at)


def cut_sound(wave: Waveform, begin: float, end: float | None) -> Waveform:
    """Cut out the sound from `begin` to `end` seconds, clipped to the file; None: to its end."""
    first = max(0, round(begin * wave.rate))
    last = None if end is None else round(end * wave.rate)
    return Waveform(wave.samples[first:last], wave.rate)


def track_source(video: SourceVideo, cache: Cache) -> FaceTrack:
    """Track a video, by pieces if it is long; uses the cache."""
    parts = split_video(video)
    if len(parts) == 1:
        return reduce(landmarks.track_video(video.info, LANDMARK_OPTIONS, cache))
    return join([_track_piece(piece, cache) for piece in parts], seamless=True)


def _track_piece(piece: VideoPiece, cache: Cache) -> FaceTrack:
    info, first, end = piece.video.info, piece.first, piece.end
    lead = min(first, round(OVERLAP_S * info.fps))

    def make(folder: Path) -> None:
        frames = media.read_frames(info, first - lead, end)
        found = reduce(landmarks.track_face(frames, info.fps, LANDMARK_OPTIONS))
        tracks.save(folder / "track.npz", cut(found, lead, len(found)))

    key = {**_key(piece.video), "first": first, "end": end}
    detection = landmarks.detection_code(LANDMARK_OPTIONS)
    code = detection + digest_code(tracks.__name__, alone=(__name__,))
    return tracks.load(cache.folder("piece", key, make, code=code) / "track.npz", info.fps)


def _key(video: SourceVideo) -> dict[str, Any]:
    return {
        "file": video.digest,
        "fps": video.info.fps,
        "frames": video.info.frame_count,
        "detector": landmarks.detector_class(LANDMARK_OPTIONS).version,
    }


def _message(path: Path, error: Exception) -> str:
    """An error's message without the path that it begins with."""
    return str(error).removeprefix(f"{path}: ")
