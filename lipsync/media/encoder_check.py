"""Whether an encoder works on this machine, found out by encoding a few pictures with it.

That ffmpeg lists an encoder says little: those in hardware are compiled in and need a chip and its
driver, which may not take every size and depth.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

import ffmpeg

from lipsync.errors import MediaError, OptionsError
from lipsync.media.ffmpeg_process import ffmpeg_binary
from lipsync.media.formats import Format
from lipsync.media.video_encoders import ENCODERS, Encoder, VideoEncoder
from lipsync.types import VideoInfo

TRY_S = 20.0  # an encoder that takes longer for a few pictures does not work
# What is tried: the options of a render's defaults, in a size that all hardware takes.
_CRF, _PRESET, _SIZE = 16, "fast", (256, 256)
_SOUND = frozenset(("aac", "libopus"))
_MOST_LETTERS = 120  # of what ffmpeg says


def check_encoder(form: Format, encoder: Encoder) -> None:
    """Find out before the work whether an output can be coded by this encoder on this machine.

    Raises:
        OptionsError: its container cannot hold the codec, or the encoder is missing or fails.
    """
    if encoder == "auto":
        return
    if form.frames:
        raise _error(f"a folder of frames has PNG pictures, not those of {encoder}; leave it out")
    if form.vp9:
        raise _error(f"{form.title} holds VP9, not {ENCODERS[encoder].codec}; leave {encoder} out")
    if encoder not in list_encoders():
        raise _error(f"this ffmpeg has no {encoder}; {_name_others()}")
    fault = try_encoder(encoder)
    if fault is not None:
        raise _error(f"{encoder} does not work here ({fault}); {_name_others()}")


def check_encoder_takes(info: VideoInfo, encoder: Encoder) -> None:
    """Find out whether it codes pictures of the target's depth and size.

    Raises:
        OptionsError: it does not.
    """
    if encoder == "auto":
        return
    chosen, size = ENCODERS[encoder], f"{info.width}x{info.height}"
    if info.depth > 8 and not chosen.deep:
        way = "; or --hdr tonemap" if info.hdr else ""
        others = _name_others(one.name for one in ENCODERS.values() if one.deep)
        raise _error(f"{info.path} has {info.depth} bits, {encoder} has 8; {others}{way}")
    if not chosen.hardware:
        return
    if info.width % 2 or info.height % 2:
        software = _name_others(one.name for one in ENCODERS.values() if not one.hardware)
        raise _error(f"{info.path} is {size}, {encoder} takes even sizes; {software}")
    fault = try_encoder(encoder, (info.width, info.height), info.depth)
    if fault is not None:
        what = f"{size} pictures of {info.depth} bits"
        raise _error(f"{encoder} does not take {what} ({fault}); {_name_others()}")


def list_encoders() -> frozenset[str]:
    """The encoders that ffmpeg lists, of sound and pictures.

    Raises:
        MediaError: there is no ffmpeg, or it cannot be run.
    """
    try:
        listed = _run([ffmpeg_binary(), "-hide_banner", "-encoders"])
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "strerror", None) or error
        raise MediaError(
            f"ffmpeg cannot be run ({ffmpeg_binary()}: {why}): see LIPSYNC_FFMPEG"
        ) from error
    return frozenset(re.findall(r"^ [VA]\S{5} (\S+)", listed, re.MULTILINE))


def try_encoder(name: str, size: tuple[int, int] = _SIZE, depth: int = 8) -> str | None:
    """Encode a few pictures, or a moment of sound; what went wrong, in ffmpeg's words, or None."""
    output = {"format": "null"}
    if name in _SOUND:
        sound = ffmpeg.input("sine=d=0.2:sample_rate=48000", format="lavfi")
        graph = ffmpeg.output(sound, "-", **output, **{"c:a": name})
    else:
        source = "testsrc2=s={}x{}:r=25:d=0.2".format(*size)
        known = ENCODERS.get(name) or VideoEncoder(name, "h264", lambda crf, preset: {}, False)
        pixels = known.pixel_format(depth, bool(size[0] % 2 or size[1] % 2))
        picture = ffmpeg.input(source, format="lavfi").filter("format", pixels)
        coding = known.coding(_CRF, _PRESET, depth)
        graph = ffmpeg.output(known.prepare(picture), "-", **output, **coding)
    try:
        _run([ffmpeg_binary(), "-hide_banner", "-nostdin", "-v", "error", *graph.get_args()])
    except subprocess.CalledProcessError as error:
        return _first_line(error.stderr) or f"ffmpeg ended with {error.returncode}"
    except subprocess.TimeoutExpired:
        return f"it took more than {TRY_S:.0f} s for a few pictures"
    except OSError as error:
        return str(error.strerror or error)
    return None


def _name_others(names: Iterable[str] = ()) -> str:
    """The encoders that work here, of these or of all that can be chosen."""
    listed = list_encoders()
    wanted = [name for name in names or ENCODERS if name in listed and name != "libvpx-vp9"]
    working = [name for name in wanted if try_encoder(name) is None]
    return f"encoders that work here: {', '.join(working) or 'none'}"


def _error(why: str) -> OptionsError:
    return OptionsError(f"option 'encoder': {why}")


def _first_line(said: bytes) -> str:
    """ffmpeg's first message: the cause; the others say what failed because of it."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    text = re.sub(r"^(\[[^]]*\] )+", "", lines[0]).strip() if lines else ""
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}…"


def _run(command: list[str]) -> str:
    done = subprocess.run(  # noqa: S603  (a list, no shell)
        command, capture_output=True, check=True, timeout=TRY_S, stdin=subprocess.DEVNULL
    )
    return done.stdout.decode("utf-8", "replace")
