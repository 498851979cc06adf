"""What clients say and are told, in the names of sync.so's API (v2)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lipsync.jobs.service.refusal import Refusal

MOST_INPUTS, MOST_SEGMENTS, MOST_BOXES = 64, 512, 200_000
SYNC_MODES = ("cut_off", "loop", "bounce", "silence", "remap")
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=4096)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
Point = Annotated[int, Field(ge=0, le=100_000)]
Box = Annotated[list[Point], Field(min_length=4, max_length=4)]


class Said(BaseModel):
    """Something a client says; names may be spelled as in JSON or as in Python."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    def unknown(self) -> list[str]:
        """The names that mean nothing here."""
        return sorted(self.model_extra or {})

    def told(self) -> dict[str, Any]:
        """It as JSON, without what was left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class InputItem(Said):
    """A video, a picture or a sound: by its URL, by an asset's id, or by a path of this machine."""

    type: Literal["video", "image", "audio", "text"]
    url: Text | None = None
    asset_id: Name | None = Field(None, alias="assetId")
    path: Text | None = None
    ref_id: Name | None = Field(None, alias="refId")
    segments_secs: Any = None
    segments_frames: Any = None


class ActiveSpeaker(Said):
    """Whose mouth is made: by a point or by boxes on the face, or the most prominent one."""

    auto_detect: bool | None = None
    frame_number: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    coordinates: Annotated[list[Point], Field(min_length=2, max_length=2)] | None = None
    bounding_boxes: Annotated[list[Box | None], Field(max_length=MOST_BOXES)] | None = None


class GenerationOptions(Said):
    """Options in the API's own names."""

    sync_mode: Literal["cut_off", "loop", "bounce", "silence", "remap"] | None = None
    model_mode: Literal["lips", "face", "head"] | None = None
    prompt: Any = None
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    active_speaker_detection: ActiveSpeaker | None = None
    occlusion_detection_enabled: bool | None = None


class SegmentOptions(Said):
    """Options of one segment."""

    active_speaker_detection: ActiveSpeaker | None = None


class SegmentAudio(Said):
    """The sound of a segment: an input, or a part of it."""

    ref_id: Name = Field(alias="refId")
    start_time: Seconds | None = Field(None, alias="startTime")
    end_time: Seconds | None = Field(None, alias="endTime")


class Segment(Said):
    """A span of the target with speech of its own."""

    start_time: Seconds = Field(alias="startTime")
    end_time: Seconds = Field(alias="endTime")
    audio_input: SegmentAudio = Field(alias="audioInput")
    options_override: SegmentOptions | None = Field(None, alias="optionsOverride")


class GenerateRequest(Said):
    """What `POST /v2/generate` takes as JSON, and as a form with the files in it."""

    model: Annotated[str, Field(max_length=64)] = "lipsync"
    input: Annotated[list[InputItem], Field(max_length=MOST_INPUTS)]
    options: GenerationOptions | None = None
    segments: Annotated[list[Segment], Field(max_length=MOST_SEGMENTS)] | None = None
    webhook_url: Annotated[str, Field(max_length=2048)] | None = Field(None, alias="webhookUrl")
    output_file_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,255}$")] | None = Field(
        None, alias="outputFileName"
    )
    lipsync_options: dict[str, Any] | None = Field(None, alias="lipsyncOptions")
    # Spans of the video, as of --segment; the audio lies on the video's time line.
    lipsync_spans: Annotated[list[Name], Field(max_length=MOST_SEGMENTS)] | None = Field(
        None, alias="lipsyncSpans"
    )
    lipsync_extras: list[Literal["sheet", "compare"]] | None = Field(None, alias="lipsyncExtras")


class GenerationView(BaseModel):
    """A generation as clients see it."""

    id: str
    status: str
    model: str
    createdAt: str  # noqa: N815 — of the API, as are those below
    input: list[dict[str, Any]]
    options: dict[str, Any] | None = None
    segments: list[dict[str, Any]] | None = None
    outputUrl: str | None = None  # noqa: N815
    outputDuration: float | None = None  # noqa: N815
    segmentOutputUrl: str | None = None  # noqa: N815
    error: str | None = None
    error_code: str | None = None
    errorDetails: dict[str, Any] | None = None  # noqa: N815
    webhookUrl: str | None = None  # noqa: N815
    outputFileName: str | None = None  # noqa: N815
    lipsyncOptions: dict[str, Any] | None = None  # noqa: N815
    lipsyncSpans: list[str] | None = None  # noqa: N815
    lipsyncExtras: list[str] | None = None  # noqa: N815
    startedAt: str | None = None  # noqa: N815
    finishedAt: str | None = None  # noqa: N815
    progress: dict[str, Any] | None = None
    warnings: list[str] = []
    lipsyncResult: dict[str, Any] | None = None  # noqa: N815


class CostView(BaseModel):
    """What a generation would take."""

    estimatedFrameCount: int  # noqa: N815
    estimatedGenerationCost: float = 0.0  # noqa: N815
    estimatedSeconds: float  # noqa: N815
    estimatedMemoryBytes: int  # noqa: N815
    estimatedOutputBytes: int  # noqa: N815
    warnings: list[str] = []


class ModelView(BaseModel):
    """A model that a request may name."""

    id: str
    name: str
    type: str
    version: str
    description: str


class AssetView(BaseModel):
    """A file that was given to the service."""

    id: str
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    name: str
    url: str
    size: int
    format: str
    type: str
    inputType: str  # noqa: N815
    durationSeconds: float | None = None  # noqa: N815
    thumbnailUrl: str | None = None  # noqa: N815
    visibility: str = "USER"
    width: int | None = None
    height: int | None = None


class AssetsView(BaseModel):
    """A page of assets."""

    items: list[AssetView]
    nextCursor: str | None = None  # noqa: N815
    totalCount: int  # noqa: N815


class UploadRequest(Said):
    """A file that is going to be uploaded."""

    file_name: Name = Field(alias="fileName")
    content_type: Name | None = Field(None, alias="contentType")
    size: Annotated[int, Field(ge=1)]


class UploadView(BaseModel):
    """Where to upload it, and the address by which to register it then."""

    uploadUrl: str  # noqa: N815
    url: str
    expiresIn: int  # noqa: N815


class AssetRequest(Said):
    """A file to register: one that was uploaded, or one that is fetched from its URL."""

    url: Text
    name: Name | None = None


def read_said(kind: type[Said], value: Any) -> Any:
    """What a client says, checked.

    Raises:
        Refusal: something is wrong with it; the first thing is told.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        message = f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Refusal(400, "invalid_request", message[:500]) from None
    except RecursionError:
        raise Refusal(400, "invalid_request", "too many brackets within one another") from None
