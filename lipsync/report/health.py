"""What `doctor` finds: checks of the installation and the machine, and the speed of each stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that a render needs."""

    name: str
    found: str  # in a few words
    remedy: str | None = None  # what to do about it; None: it is right

    @property
    def right(self) -> bool:
        """Whether nothing has to be done about it."""
        return self.remedy is None


@dataclass(frozen=True)
class StageSpeed:
    """How long a stage takes for one second of the bundled sample."""

    stage: str
    seconds: float

    @property
    def factor(self) -> float:
        """How many seconds of video it does in one second."""
        return 1 / max(self.seconds, 1e-6)


@dataclass(frozen=True)
class DoctorResult:
    """Result of `diagnose`."""

    right: bool  # of all checks
    checks: tuple[Check, ...]
    speeds: tuple[StageSpeed, ...]  # in the order of a render; empty: it could not be timed
    real_time: dict[str, float]  # stage → seconds of video done in a second
