"""What `lipsync render --dry-run` prints."""

from __future__ import annotations

from lipsync.report.estimate import RenderEstimate
from lipsync.runtime.disk_space import format_size


def describe_estimate(estimate: RenderEstimate) -> list[str]:
    """A dry run in a few lines."""
    one = estimate
    lines = [
        f"{one.output}: {one.frames} frames of {one.width} × {one.height}, {one.duration:.1f} s; "
        "nothing was written",
    ]
    for step in one.steps:
        taken = "in the cache" if step.cached else _time(step.seconds)
        lines.append(f"{step.name:>30}  {taken}")
    return [
        *lines,
        f"{'time':>30}  {_time(one.seconds)}, as on two cores; lipsync doctor times this machine",
        f"{'memory':>30}  {format_size(one.memory)}",
        f"{'output':>30}  {format_size(one.output_size)}; {format_size(one.output_free)} are free",
        f"{'cache':>30}  {format_size(one.cache_size)}; {format_size(one.cache_free)} are free",
        f"{'temporary files':>30}  {format_size(one.temporary_size)}",
    ]


def _time(seconds: float) -> str:
    """About how long, in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
