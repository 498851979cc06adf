"""Pictures and sound, in and out: the only place that touches ffmpeg.

`ffmpeg-python` writes the graphs, the binary of `imageio-ffmpeg` (or the one that LIPSYNC_FFMPEG
names) runs them, and PyAV looks into files beforehand.

    container            Opening files with PyAV; what is wrong with them becomes one line
    encode               Frames and sound into the finished file: encoded once, whole or not at all
    ffmpeg_process       The ffmpeg binary and its life as a child process
    formats              What can be written: containers, what they hold, and how their streams are
    frame_interpolation  The picture between two consecutive frames, by optical flow
    frame_order          The target's frames in the order in which the output shows them, and pictur
    frame_rate           One constant frame rate for a video, and which decoded picture each of its
    frame_times          When the frames of a video are shown, and values resampled to regular steps
    frames               Pictures out of a video: upright, square pixels, progressive, full-range RG
    image_sequence       A folder of PNG pictures with their sound, and the texts in a PNG
    output_sound         What is heard in an output
    passthrough          What of the target besides picture and sound goes into the output
    pixels               Small operations on pixels: crops, cell means, masks on colours
    png                  Pictures as PNG files that appear whole or not at all
    sound                Sound out of any file
    stdout_sink          Standard output as a place for a finished stream
    stream_info          What the first picture of a stream and its container tell about all of them
    target_video         How a target is read: at which times its frames are shown, and for which ki
    timestamps           When the pictures of a video stream are shown, from its packets or by decod
    vfr_writer           Frames to ffmpeg, each with its own time stamp
    video_info           What a file holds, found without decoding it all
    writer               ffmpeg's graph that turns RGB frames and a sound into a file or a stream
"""

from __future__ import annotations

from lipsync.media.container import container_tags
from lipsync.media.ffmpeg_process import binary
from lipsync.media.formats import FORMATS, Format, Output
from lipsync.media.frames import read_frames
from lipsync.media.image_sequence import SOUND_NAME, FrameFolder, png_texts, xmp_text
from lipsync.media.output_sound import Soundtrack
from lipsync.media.passthrough import Carried, carried, sound_skipped
from lipsync.media.sound import probe_audio, read_audio, sound_blocks, sound_tracks
from lipsync.media.target_video import ReadOptions, read_target
from lipsync.media.video_info import damage, probe, yuv_coding
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
    "sound_blocks",
    "sound_skipped",
    "sound_tracks",
    "video_writer",
    "xmp_text",
    "yuv_coding",
]
