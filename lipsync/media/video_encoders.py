"""Video encoders by ffmpeg's names: what each can code, and its options for our crf and presets.

Parts of an output are coded one by one and joined as they are (`lipsync.media.parts`). For that
every encoder has to begin a part with a keyframe on which nothing before it depends, to refer to
nothing beyond its end, and to write the same parameter sets whenever its options are the same.
libx264, libx265 and libvpx-vp9 do as they are used here. Those in hardware code no B-frames, for
three reasons: a group of pictures is then closed in every case; decode times are display times, so
that also irregular ones are in order; and every generation of the hardware can do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lipsync.media.formats import Format

Encoder = Literal[
    "auto", "libx264", "libx265", "h264_nvenc", "hevc_nvenc", "h264_qsv", "hevc_qsv",
    "h264_amf", "hevc_amf", "h264_vaapi", "hevc_vaapi", "h264_videotoolbox", "hevc_videotoolbox",
]  # fmt: skip
Codec = Literal["h264", "hevc", "vp9"]
Coding = dict[str, Any]  # options of ffmpeg

# Quantizer offset of chroma against luma: a seam around the new mouth shows first as a tint of the
# skin.
CHROMA_QP = -8
KEY_INTERVAL = 250  # frames, as libx264's own: videos can be searched alike
# Efforts of the encoders for x264's preset names.
_VP9_EFFORT = {"ultrafast": 8, "veryfast": 6, "faster": 5, "fast": 4, "medium": 3, "slow": 2}
_NVENC_PRESET = {
    "ultrafast": "p1", "veryfast": "p2", "faster": "p3", "fast": "p4", "medium": "p5",
    "slow": "p6", "slower": "p7",
}  # fmt: skip
_AMF_QUALITY = {"fast": "balanced", "medium": "balanced", "slow": "quality", "slower": "quality"}


@dataclass(frozen=True)
class VideoEncoder:
    """An encoder and how it is used."""

    name: str  # in ffmpeg's names
    codec: Codec
    rate: Callable[[int, str], Coding]  # (crf, preset) → options of quality and effort
    deep: bool  # codes 10 bits
    # Codes pictures of even sizes only, in semi-planar 4:2:0, as all of its kind take them.
    hardware: bool = False
    uploaded: bool = False  # takes pictures in the memory of the device
    extra: Mapping[str, Any] = field(default_factory=dict)
    deep_extra: Mapping[str, Any] = field(default_factory=dict)  # with 10 bits

    def coding(self, crf: int, preset: str, depth: int) -> Coding:
        """ffmpeg's options for a picture of that quality and depth."""
        groups = {"g:v": KEY_INTERVAL, "bf:v": 0} if self.hardware else {}
        deep = self.deep_extra if depth > 8 else {}
        return {"c:v": self.name, **self.rate(crf, preset), **groups, **self.extra, **deep}

    def pixel_format(self, depth: int, odd: bool) -> str:
        """The pixel format that it takes."""
        if self.hardware:
            return "p010le" if depth > 8 else "nv12"
        # 4:2:0 needs even sizes; an odd picture keeps its size in 4:4:4.
        return ("yuv444p" if odd else "yuv420p") + ("10le" if depth > 8 else "")

    def prepare(self, picture: Any) -> Any:
        """The graph's picture where the encoder takes it from."""
        return picture.filter("hwupload") if self.uploaded else picture


def choose_encoder(encoder: Encoder, form: Format, depth: int) -> VideoEncoder:
    """The encoder of an output; auto: one that every machine has and every player knows."""
    if encoder != "auto":
        return ENCODERS[encoder]
    return ENCODERS["libvpx-vp9" if form.vp9 else "libx265" if depth > 8 else "libx264"]


def is_hardware(encoder: Encoder) -> bool:
    """Whether the pictures are coded by a chip and its driver."""
    return encoder != "auto" and ENCODERS[encoder].hardware


def vp9_crf(crf: int) -> int:
    """VP9's constant quality (0–63) of the same PSNR as x264's (0–51).

    Measured on GRID: 16 is the same in both (44.8 dB), 33 corresponds to x264's 23 (40.2 dB).
    """
    return min(63, round(crf if crf <= 16 else 16 + (crf - 16) * 17 / 7))


def _rate_x264(crf: int, preset: str) -> Coding:
    offset = f"chroma-qp-offset={CHROMA_QP}"
    return {"crf:v": crf, "preset:v": preset, "x264-params": offset}


def _rate_x265(crf: int, preset: str) -> Coding:
    offsets = f"cbqpoffs={CHROMA_QP}:crqpoffs={CHROMA_QP}"
    params = f"log-level=error:repeat-headers=0:{offsets}"
    return {"crf:v": crf, "preset:v": preset, "x265-params": params}


def _rate_vp9(crf: int, preset: str) -> Coding:
    quality = {"crf:v": vp9_crf(crf), "b:v": 0, "row-mt": 1}
    return quality | {"deadline": "good", "cpu-used": _VP9_EFFORT.get(preset, 1)}


# The scales of the hardware are those of the quantizer, as x264's; which number gives the same
# picture is not known, so crf is passed on. Where 0 stands for the encoder's own choice, 1 is best.
def _rate_nvenc(crf: int, preset: str) -> Coding:
    # Without b:v=0 the quality is limited by a default bit rate of 2 Mbit/s.
    quality = {"rc:v": "vbr", "cq:v": max(1, crf), "b:v": 0, "preset:v": _NVENC_PRESET[preset]}
    return quality | {"qp_cb_offset:v": CHROMA_QP, "qp_cr_offset:v": CHROMA_QP}


def _rate_qsv(crf: int, preset: str) -> Coding:
    effort = "veryfast" if preset == "ultrafast" else preset
    return {"global_quality:v": max(1, crf), "preset:v": effort}


def _rate_amf(crf: int, preset: str) -> Coding:
    quality = {"rc:v": "cqp", "qp_i:v": crf, "qp_p:v": crf}
    return quality | {"quality:v": _AMF_QUALITY.get(preset, "speed")}


def _rate_vaapi(crf: int, _preset: str) -> Coding:
    # What efforts there are, and what a number means, depends on the driver: its own is kept.
    return {"rc_mode:v": "CQP", "qp:v": max(1, crf)}


def _rate_videotoolbox(crf: int, _preset: str) -> Coding:
    """Its quality goes from 1 to 100 (best); it has no efforts."""
    return {"q:v": round(100 - 99 * crf / 51)}


# Without a name ffmpeg takes the first device; the option is global, wherever it stands.
_VAAPI = {"init_hw_device": "vaapi"}
_MAIN10 = {"profile:v": "main10"}

ENCODERS: dict[str, VideoEncoder] = {
    one.name: one
    for one in (
        # libx264 codes 10 bits as well, but nearly no player and no chip decodes them.
        VideoEncoder("libx264", "h264", _rate_x264, deep=False),
        VideoEncoder("libx265", "hevc", _rate_x265, deep=True),
        VideoEncoder("libvpx-vp9", "vp9", _rate_vp9, deep=True),
        VideoEncoder("h264_nvenc", "h264", _rate_nvenc, deep=False, hardware=True),
        VideoEncoder(
            "hevc_nvenc", "hevc", _rate_nvenc, deep=True, hardware=True, deep_extra=_MAIN10
        ),
        VideoEncoder("h264_qsv", "h264", _rate_qsv, deep=False, hardware=True),
        VideoEncoder("hevc_qsv", "hevc", _rate_qsv, deep=True, hardware=True, deep_extra=_MAIN10),
        VideoEncoder("h264_amf", "h264", _rate_amf, deep=False, hardware=True),
        VideoEncoder("hevc_amf", "hevc", _rate_amf, deep=True, hardware=True, deep_extra=_MAIN10),
        VideoEncoder(
            "h264_vaapi", "h264", _rate_vaapi, deep=False, hardware=True, uploaded=True,
            extra=_VAAPI,
        ),
        VideoEncoder(
            "hevc_vaapi", "hevc", _rate_vaapi, deep=True, hardware=True, uploaded=True,
            extra=_VAAPI, deep_extra=_MAIN10,
        ),
        VideoEncoder("h264_videotoolbox", "h264", _rate_videotoolbox, deep=False, hardware=True),
        VideoEncoder(
            "hevc_videotoolbox", "hevc", _rate_videotoolbox, deep=True, hardware=True,
            deep_extra=_MAIN10,
        ),
    )
}  # fmt: skip
