"""Pictures and sound, in and out: the only package that touches ffmpeg.

`ffmpeg-python` builds the filter graphs, the binary of `imageio-ffmpeg` (or LIPSYNC_FFMPEG) runs
them, and PyAV inspects files beforehand.

    container            Opening files with PyAV; faults become one line
    encode               Frames and sound → the finished file, encoded once
    ffmpeg_process       The ffmpeg binary as a child process
    formats              Output formats: containers, what they hold, how their streams are coded
    frame_interpolation  The picture between two consecutive frames, by optical flow
    frame_order          The target's frames in output order, and pictures between them
    frame_rate           A constant frame rate for a video, and which picture each frame shows
    frame_times          Display times of frames, and values resampled to regular steps
    frames               Decoding: upright, square pixels, progressive, full-range RGB
    image_sequence       A folder of PNG pictures with their sound, and texts in a PNG
    output_sound         The sound of an output
    passthrough          Subtitles, chapters and tags of the target that the output keeps
    pixels               Small pixel operations: crops, cell means, polygons, color masks
    png                  Pictures as PNG files that appear complete or not at all
    sound                Decoding sound from any file
    stdout_sink          Standard output as the destination of a stream
    stream_info          Coding of a stream's pictures, from the first picture and the container
    target_video         How a target is read: frame times, dynamic range
    timestamps           Display times of a stream's pictures, from its packets or by decoding
    vfr_writer           Frames with individual timestamps, piped to ffmpeg
    video_info           Inspection of a video without decoding it all
    writer               ffmpeg's graph that encodes RGB frames and sound
"""

from __future__ import annotations

from lipsync.media.container import container_tags
from lipsync.media.ffmpeg_process import ffmpeg_binary
from lipsync.media.formats import FORMATS, Format, Output
from lipsync.media.frames import read_frames
from lipsync.media.image_sequence import SOUND_NAME, FrameFolderWriter, png_xmp_text, read_png_texts
from lipsync.media.output_sound import Soundtrack
from lipsync.media.passthrough import Passthrough, plan_passthrough, sound_start_offset
from lipsync.media.sound import (
    count_sound_tracks,
    probe_audio,
    read_audio,
    read_audio_blocks,
    read_audio_with_info,
)
from lipsync.media.target_video import ReadOptions, probe_target
from lipsync.media.video_info import describe_damage, probe, yuv_coding
from lipsync.media.writer import Writer, video_writer

__all__ = [
    "FORMATS",
    "SOUND_NAME",
    "Format",
    "FrameFolderWriter",
    "Output",
    "Passthrough",
    "ReadOptions",
    "Soundtrack",
    "Writer",
    "container_tags",
    "count_sound_tracks",
    "describe_damage",
    "ffmpeg_binary",
    "plan_passthrough",
    "png_xmp_text",
    "probe",
    "probe_audio",
    "probe_target",
    "read_audio",
    "read_audio_blocks",
    "read_audio_with_info",
    "read_frames",
    "read_png_texts",
    "sound_start_offset",
    "video_writer",
    "yuv_coding",
]
