"""What nodes of ComfyUI hand to one another, as files: VIDEO, AUDIO, text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import soundfile

from lipsync.errors import AudioError, MediaError


def video_file(video: Any, folder: Path) -> Path:
    """The file of a VIDEO: its own if it is all of one, else one that is written into `folder`.

    Pictures in memory, trimmed and cropped videos have no file of their own.

    Raises:
        MediaError: there is no such file.
    """
    source = video.get_stream_source()
    if isinstance(source, str) and _is_whole(video, source):
        return Path(source)
    place = folder / "target.mkv"  # which holds whatever is copied into it
    video.save_to(str(place))
    return place


def _is_whole(video: Any, source: str) -> bool:
    """Whether a VIDEO shows all of its file."""
    window = getattr(video, "get_active_trim_window", None)
    if window is None:  # an older ComfyUI, whose videos do not say what was cut off
        return not hasattr(video, "as_trimmed")
    if any(window()):
        return False
    try:
        with av.open(source) as file:
            stream = file.streams.video[0]
            return tuple(video.get_dimensions()) == (stream.width, stream.height)
    except (OSError, av.error.FFmpegError, IndexError) as error:
        raise MediaError(f"{source}: is no video ({error})") from None


def sound_file(audio: Any, folder: Path) -> Path:
    """An AUDIO as a WAV file in `folder`; samples stay the numbers that they are.

    Raises:
        AudioError: it holds no sound, or several.
    """
    wave, rate = audio["waveform"], int(audio["sample_rate"])
    if wave.ndim != 3 or wave.shape[0] != 1:
        raise AudioError(
            f"audio: wanted one sound, (1, channels, samples), got {tuple(wave.shape)}; "
            "a render speaks one"
        )
    if not wave.shape[1] or not wave.shape[2]:
        raise AudioError("audio: holds no sound")
    place = folder / "speech.wav"
    samples = wave[0].detach().cpu().float().numpy().T
    soundfile.write(place, samples, rate, subtype="FLOAT", format="RF64")  # for more than 4 GB
    return place


def spans_file(text: str, folder: Path) -> Path | None:
    """The text of a file of spans as a file in `folder`; one line may name a file that is there.

    Returns:
        None: the text is empty.
    """
    text = text.strip()
    if not text:
        return None
    named = Path(text) if "\n" not in text and len(text) < 1000 else None
    if named is not None and named.suffix and named.is_file():
        return named
    place = folder / "spans"  # without a suffix: it is what it looks like
    place.write_text(text, encoding="utf-8")
    return place
