"""Pictures and sound, in and out: the only place that touches ffmpeg.

`ffmpeg-python` writes the graphs, the binary of `imageio-ffmpeg` (or the one that LIPSYNC_FFMPEG
names) runs them, and PyAV looks into files beforehand.
"""

from __future__ import annotations

from lipsync.media.carried import Carried, carried, sound_skipped
from lipsync.media.container import container_tags
from lipsync.media.formats import FORMATS, Format, Output
from lipsync.media.frames import read_frames
from lipsync.media.pngs import SOUND_NAME, FrameFolder, png_texts, xmp_text
from lipsync.media.probe import damage, probe, yuv_coding
from lipsync.media.process import binary
from lipsync.media.reading import ReadOptions, read_target
from lipsync.media.sound import probe_audio, read_audio, sound_blocks, sound_tracks
from lipsync.media.soundtrack import Soundtrack
from lipsync.media.whole import refusals, whole, whole_folder
from lipsync.media.writer import Writer, video_writer

__all__ = [
    "FORMATS",
    "SOUND_NAME",
    "Carried",
    "Format",
    "FrameFolder",
    "Output",
    "ReadOptions",
    "Soundtrack",
    "Writer",
    "binary",
    "carried",
    "container_tags",
    "damage",
    "png_texts",
    "probe",
    "probe_audio",
    "read_audio",
    "read_frames",
    "read_target",
    "refusals",
    "sound_blocks",
    "sound_skipped",
    "sound_tracks",
    "video_writer",
    "whole",
    "whole_folder",
    "xmp_text",
    "yuv_coding",
]
