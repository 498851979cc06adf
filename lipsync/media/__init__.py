"""Pictures and sound, in and out: the only place that touches ffmpeg.

`ffmpeg-python` writes the graphs, the binary of `imageio-ffmpeg` (or the one that LIPSYNC_FFMPEG
names) runs them, and PyAV looks into files beforehand.
"""

from __future__ import annotations

from lipsync.media.container import container_comment
from lipsync.media.frames import read_frames
from lipsync.media.probe import probe, yuv_coding
from lipsync.media.process import binary
from lipsync.media.sound import probe_audio, read_audio, sound_blocks
from lipsync.media.whole import refusals, whole
from lipsync.media.writer import mp4_writer

__all__ = [
    "binary",
    "container_comment",
    "mp4_writer",
    "probe",
    "probe_audio",
    "read_audio",
    "read_frames",
    "refusals",
    "sound_blocks",
    "whole",
    "yuv_coding",
]
