"""Pictures and sound, in and out: the only package that touches ffmpeg.

`ffmpeg-python` builds the filter graphs, the binary of `imageio-ffmpeg` (or LIPSYNC_FFMPEG) runs
them, and PyAV inspects files beforehand.

    channel_mix          One voice out of two channels: their mean, unless they cancel each other
    container            Opening files with PyAV; faults become one line
    damage_report        Damage met while frames were read, in words
    encode               Frames and sound → the finished file, encoded once
    encoder_check        Whether an encoder works on this machine, tried on a few pictures
    excerpt              A stretch of a video as a file of its own
    ffmpeg_process       The ffmpeg binary as a child process
    formats              Output formats: containers, what they hold, how their streams are coded
    frame_coding         How pictures lie in memory: RGB, or YUV of which only boxes become RGB
    frame_interpolation  The picture between two consecutive frames, by optical flow
    frame_order          The target's frames in output order, and pictures between them
    frame_rate           A constant frame rate for a video, and which picture each frame shows
    frame_times          Display times of frames, and values resampled to regular steps
    frames               Decoding: upright, square pixels, progressive; RGB or the file's own coding
    image_sequence       A folder of PNG pictures with their sound, and texts in a PNG
    output_sound         The sound of an output: where it comes from, and how it is coded
    parts                The picture of an output in parts: encoded one by one, joined as they are
    passthrough          Subtitles, chapters and tags of the target that the output keeps
    pipe_reading         Reading from a pipe without waiting for it without end
    pipes                Inputs that are pipes: read once, into temporary files
    pixels               Small pixel operations: crops, cell means, polygons, color masks
    png                  Pictures as PNG files that appear complete or not at all
    resampler            Sound that is still arriving, brought to another rate piece by piece
    sound                Decoding sound from any file
    sound_faults         Samples that are no numbers: counted, and replaced by silence
    sound_tracks         Sound streams of a file: which one is meant, and whether a copy is in sync
    stdout_sink          Standard output as the destination of a stream
    stream_info          Coding of a stream's pictures, from the first picture and the container
    target_video         How a target is read: frame times, dynamic range
    timestamps           Display times of a stream's pictures, from its packets or by decoding
    vfr_writer           Frames with individual timestamps, piped to ffmpeg
    video_encoders       Video encoders: what each can code, its options for our crf and presets
    video_info           Inspection of a video without decoding it all
    writer               ffmpeg's graph that encodes frames and sound
"""

from __future__ import annotations

from lipsync.media.container import container_tags
from lipsync.media.damage_report import describe_damage
from lipsync.media.encoder_check import (
    check_encoder,
    check_encoder_takes,
    list_encoders,
    try_encoder,
)
from lipsync.media.ffmpeg_process import ffmpeg_binary
from lipsync.media.formats import FORMATS, Format, Output
from lipsync.media.frames import read_frames
from lipsync.media.image_sequence import SOUND_NAME, FrameFolderWriter, png_xmp_text, read_png_texts
from lipsync.media.output_sound import Soundtrack, check_audio_codec, find_coding_changes
from lipsync.media.passthrough import Passthrough, plan_passthrough, sound_start_offset
from lipsync.media.pipes import PipedInputs
from lipsync.media.sound import (
    probe_audio,
    read_audio,
    read_audio_blocks,
    read_audio_with_info,
)
from lipsync.media.sound_tracks import count_sound_tracks
from lipsync.media.target_video import ReadOptions, probe_target
from lipsync.media.video_encoders import ENCODERS
from lipsync.media.video_info import probe, yuv_coding
from lipsync.media.writer import Writer, video_writer

__all__ = [
    "ENCODERS",
    "FORMATS",
    "SOUND_NAME",
    "Format",
    "FrameFolderWriter",
    "Output",
    "Passthrough",
    "PipedInputs",
    "ReadOptions",
    "Soundtrack",
    "Writer",
    "check_audio_codec",
    "check_encoder",
    "check_encoder_takes",
    "container_tags",
    "count_sound_tracks",
    "describe_damage",
    "ffmpeg_binary",
    "find_coding_changes",
    "list_encoders",
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
    "try_encoder",
    "video_writer",
    "yuv_coding",
]
