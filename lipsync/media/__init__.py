"""Pictures and sound, in and out: the only place that touches ffmpeg.

`ffmpeg-python` writes the graphs, the binary of `imageio-ffmpeg` (or the one that LIPSYNC_FFMPEG
names) runs them, and PyAV looks into files beforehand.
"""

from __future__ import annotations

from lipsync.media.frames import SCALE_FLAGS, read_frames
from lipsync.media.probe import probe, yuv_coding
from lipsync.media.process import Process, binary, url
from lipsync.media.sound import probe_audio, read_audio

__all__ = [
    "SCALE_FLAGS",
    "Process",
    "binary",
    "probe",
    "probe_audio",
    "read_audio",
    "read_frames",
    "url",
    "yuv_coding",
]
