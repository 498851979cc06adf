"""Lip sync: takes speech and a video of a person, returns the video with the mouth speaking it.

A render passes through these folders from the bottom up; a folder imports only folders below it
(the table is in tests/test_architecture.py). Start reading at `pipelines/render.py`.

    __main__     `python -m lipsync`
    cli/         the command line: arguments, progress, exit codes
    comfyui/     nodes of ComfyUI: a render as one step of a workflow
    web/         the page for people: files in, preview, queue, result beside the original
    live/        renders inside of a program: targets stay loaded, frames while the sound arrives
    jobs/        many renders (batches), renders in pieces (shards), and for others (a service)
    pipelines/   one module per command (render, adapt, train_decoder, swap, extract_faces, inspect)
    options      all options of a command in one value, composed of every stage's own
    report/      results, warnings, contact sheet
    inspection/  telling a made video from a recording: questions, measures, scores
    marks/       what says that an output was generated: watermark, signed metadata, sidecar
    learning/    fine-tuning of the speech model, training of the mouth decoder
    faceswap/    the second path: face sets, autoencoders, generated faces
    mouth/       bank of real mouths, textures made from it, finishing and compositing
    retime/      which target frame each output frame shows
    dialogue/    who speaks what and when; the soundtrack of the result
    face/        landmarks, tracking, alignment, head pose, identity, appearance
    speech/      audio, voice activity, features, the speech-to-lips model
    media/       decoding and encoding: the only folder that touches ffmpeg
    runtime/     cache, checkpoints, atomic files, hashing, threads, timing
    types/       the value types that the stages exchange
    errors       the exceptions that a caller can act on
    _version     the version
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from lipsync._version import __version__

if TYPE_CHECKING:
    from lipsync.dialogue.spans import Span
    from lipsync.errors import LipsyncError
    from lipsync.jobs.shards import join_shards, make_shard, plan_shards
    from lipsync.live.frame_stream import FrameStream
    from lipsync.live.renderer import Renderer
    from lipsync.options import (
        ExtractOptions,
        InspectOptions,
        MouthOptions,
        PersonOptions,
        RenderOptions,
        SwapOptions,
    )
    from lipsync.pipelines.adapt import adapt
    from lipsync.pipelines.extract_faces import extract_faces
    from lipsync.pipelines.inspect import inspect
    from lipsync.pipelines.render import render
    from lipsync.pipelines.swap import swap
    from lipsync.pipelines.train_decoder import train_mouth
    from lipsync.pipelines.verify_marks import verify_marks
    from lipsync.report.results import (
        AdaptResult,
        ExtractResult,
        InspectResult,
        MarksResult,
        MouthResult,
        PlanResult,
        RenderResult,
        ShardResult,
        SwapResult,
    )
    from lipsync.types import Speaker

_HOMES = {
    "AdaptResult": "lipsync.report.results",
    "ExtractOptions": "lipsync.options",
    "ExtractResult": "lipsync.report.results",
    "FrameStream": "lipsync.live.frame_stream",
    "InspectOptions": "lipsync.options",
    "InspectResult": "lipsync.report.results",
    "LipsyncError": "lipsync.errors",
    "MarksResult": "lipsync.report.results",
    "MouthOptions": "lipsync.options",
    "MouthResult": "lipsync.report.results",
    "PlanResult": "lipsync.report.results",
    "PersonOptions": "lipsync.options",
    "RenderOptions": "lipsync.options",
    "RenderResult": "lipsync.report.results",
    "Renderer": "lipsync.live.renderer",
    "ShardResult": "lipsync.report.results",
    "Span": "lipsync.dialogue.spans",
    "Speaker": "lipsync.types",
    "SwapOptions": "lipsync.options",
    "SwapResult": "lipsync.report.results",
    "adapt": "lipsync.pipelines.adapt",
    "extract_faces": "lipsync.pipelines.extract_faces",
    "inspect": "lipsync.pipelines.inspect",
    "join_shards": "lipsync.jobs.shards",
    "make_shard": "lipsync.jobs.shards",
    "plan_shards": "lipsync.jobs.shards",
    "render": "lipsync.pipelines.render",
    "swap": "lipsync.pipelines.swap",
    "train_mouth": "lipsync.pipelines.train_decoder",
    "verify_marks": "lipsync.pipelines.verify_marks",
}

__all__ = [
    "AdaptResult",
    "ExtractOptions",
    "ExtractResult",
    "FrameStream",
    "InspectOptions",
    "InspectResult",
    "LipsyncError",
    "MarksResult",
    "MouthOptions",
    "MouthResult",
    "PersonOptions",
    "PlanResult",
    "RenderOptions",
    "RenderResult",
    "Renderer",
    "ShardResult",
    "Span",
    "Speaker",
    "SwapOptions",
    "SwapResult",
    "__version__",
    "adapt",
    "extract_faces",
    "inspect",
    "join_shards",
    "make_shard",
    "plan_shards",
    "render",
    "swap",
    "train_mouth",
    "verify_marks",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: `lipsync --version` needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lipsync' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
