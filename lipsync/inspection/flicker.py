"""Changes of the lower face from frame to frame that its motion does not explain.

The warping error of METHOD §11: a frame against the one before, carried along by optical flow,
where the flow holds. The same of the upper face is what camera, encoder and light do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lipsync.inspection.face_view import FaceView, grow
from lipsync.inspection.measures import Measure
from lipsync.inspection.shared_work import LEAST_PIXELS, Motion, SharedWork, energy, log_ratio
from lipsync.types import F32, Bools

FLOW_STEP = 3  # pixels: flow is smooth
AROUND = 0.4  # outer-eye distances from the face: hair, ears, neck
SHAKE_LEAST = 0.002  # outer-eye distances per frame: less is the noise of the flow


class FlickerWatch:
    """Watches what changes between two frames."""

    measures: Sequence[Measure] = (
        Measure("flicker.lower", "unexplained change of the lower face, worst frames", "high", 0.9),
        Measure("flicker.chin", "unexplained change of the chin, worst frames", "high", 0.9),
        Measure("flicker.still", "change of the lower face in its stillest frames", "low", 0.1),
        Measure("flicker.pulse", "change that the next frame takes back, lower face", "both"),
        Measure("flicker.pulse_worst", "the same, in the worst frames", "high", 0.9),
        Measure("flicker.shake", "shaking of the chin against the upper face", "high"),
        Measure("flicker.face_shake", "shaking of the face against its surroundings", "high"),
        Measure("flicker.face_shake_worst", "the same, in the worst frames", "high", 0.9),
    )

    def __init__(self, work: SharedWork) -> None:
        self._work = work
        self._change: tuple[FaceView, F32] | None = None  # the last one, and of which view
        self._drift: dict[str, tuple[FaceView, F32]] = {}  # by what moves against what

    def prepare(self, view: FaceView, before: FaceView | None) -> None:
        """Follow the motion, and find the regions that it is compared in."""
        detail = self._work.detail(view)
        _ = detail.chin, detail.cheeks
        if before is not None:
            self._work.motion(view, before)

    def see(self, view: FaceView, before: FaceView | None) -> dict[str, float]:
        """Measure a frame against the one before."""
        if before is None:
            return {}
        work, detail = self._work, self._work.detail(view)
        motion = work.motion(view, before)
        error = view.luma - motion.predicted
        lower = log_ratio(
            energy(error, view.lower & motion.seen), energy(error, view.upper & motion.seen)
        )
        chin = log_ratio(
            energy(error, detail.chin & motion.seen), energy(error, detail.cheeks & motion.seen)
        )
        pulse = self._pulse(view, before)
        near = view.surround & grow(view.face, AROUND * view.scale)
        shakes = {
            "shake": self._shake("chin", view, before, motion, detail.chin, view.upper),
            "face_shake": self._shake("face", view, before, motion, view.face, near),
        }
        values = {"lower": lower, "chin": chin, "still": lower, "pulse": pulse, **shakes}
        values |= {"pulse_worst": pulse, "face_shake_worst": shakes["face_shake"]}
        return {f"flicker.{name}": value for name, value in values.items()}

    def _pulse(self, view: FaceView, before: FaceView) -> float:
        """How much of a change is taken back in the next frame, lower face against upper.

        More where frames come from here and there; less where they were smoothed over time.

        The energy of the second difference over that of the two first ones: 0 for steady change,
        2 for change to and fro.
        """
        change, last = view.luma - before.luma, self._change
        self._change = view, change
        if last is None or last[0] is not before:
            return float("nan")

        def share(region: Bools) -> float:
            both = energy(change, region) + energy(last[1], region)
            return energy(change - last[1], region) / both

        return log_ratio(share(view.lower), share(view.upper))

    def _shake(
        self, name: str, view: FaceView, before: FaceView, motion: Motion, one: Bools, other: Bools
    ) -> float:
        """Acceleration of a region against another, log of outer-eye distances per frame²."""
        drift = _median_flow(motion, one) - _median_flow(motion, other)
        last, self._drift[name] = self._drift.get(name), (view, drift)
        if last is None or last[0] is not before:
            return float("nan")
        return float(np.log(np.linalg.norm(drift - last[1]) / view.scale + SHAKE_LEAST))


def _median_flow(motion: Motion, region: Bools) -> F32:
    """(2,), pixels; NaN where the region is too small."""
    few = np.s_[::FLOW_STEP, ::FLOW_STEP]
    flow = motion.flow[few][(region & motion.seen)[few]]
    if len(flow) * FLOW_STEP**2 < LEAST_PIXELS:
        return np.full(2, np.nan, np.float32)
    return np.asarray(np.median(flow, axis=0))
