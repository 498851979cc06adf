"""Edits of a piece's sound: shifted, stretched, another person's; the picture is copied."""

from __future__ import annotations

from pathlib import Path

from lipsync import media
from lipsync.errors import MediaError
from training.inspection.real_clips import ffmpeg

SHIFTS_MS = (-320, -200, -120, 120, 200, 320)  # negative: the sound comes early
TEMPOS = (0.9, 1.12)
SPEECH = ("jfk.flac", "LJ001-0001.wav", "german.flac", "mandarin.flac")
PART_S = 2.3  # between the beginnings of the parts of a speech that a person's pieces get
COPIED = (".mp4", ".mkv")  # containers that are kept; others become Matroska


def edited_suffix(real: Path) -> str:
    """Container of an edit of this clip's sound."""
    return real.suffix if real.suffix in COPIED else ".mkv"


def speech_part(data: Path, turn: int, seconds: float) -> tuple[Path, float]:
    """A speech of somebody who is in no piece, and where in it a part of that length begins, s.

    Args:
        turn: number that chooses: neighbors get different speakers.

    Raises:
        MediaError: the speech is missing.
    """
    path = data / "speech" / SPEECH[turn % len(SPEECH)]
    if not path.is_file():
        raise MediaError(f"{path}: no such speech; --data names the folder that has it")
    spare = max(0.0, float(media.probe_audio(path).duration) - seconds)
    return path, round(turn * PART_S % spare, 2) if spare > 0 else 0.0


def write_shifted(real: Path, output: Path, shift_ms: int) -> None:
    """Write the piece with its sound moved; what is missing is silent."""
    length = f"{_sound_s(real):.6f}"
    if shift_ms > 0:
        chain = f"adelay={shift_ms}:all=1,atrim=end={length}"
    else:
        chain = f"atrim=start={-shift_ms / 1000},asetpts=PTS-STARTPTS,apad=whole_dur={length}"
    _write(real, output, chain)


def write_stretched(real: Path, output: Path, tempo: float) -> None:
    """Write the piece with its sound at another tempo, cut or filled to its length."""
    length = f"{_sound_s(real):.6f}"
    _write(real, output, f"atempo={tempo},apad=whole_dur={length},atrim=end={length}")


def write_other_sound(real: Path, output: Path, speech: Path, start_s: float) -> None:
    """Write the piece with somebody else's speech."""
    seconds = float(media.probe(real).duration)
    other = ["-ss", f"{start_s:g}", "-t", f"{seconds:.6f}", "-i", str(speech)]
    maps = ["-map", "0:v:0", "-map", "1:a:0", "-c:v", "copy", "-c:a", "flac"]
    ffmpeg(output, *_picture(real), *other, *maps)


def _sound_s(real: Path) -> float:
    sound = media.probe_audio(real)
    return float(sound.start + sound.duration)


def _write(real: Path, output: Path, chain: str) -> None:
    # From the file's start on, so that a late sound keeps its distance to the picture.
    sound = f"[0:a:0]aresample=async=1:first_pts=0,{chain}[a]"
    maps = ["-map", "0:v:0", "-map", "[a]", "-c:v", "copy", "-c:a", "flac"]
    ffmpeg(output, *_picture(real), "-filter_complex", sound, *maps)


def _picture(real: Path) -> list[str]:
    # Pictures of MPEG program streams lack the times that other containers need.
    return ["-fflags", "+genpts", "-i", str(real)]
