"""The table of measures of lips, head and sound."""

from __future__ import annotations

from lipsync.inspection import (
    closures,
    dynamics_network,
    lip_sound,
    obedience,
    silence_motion,
    smoothness,
    sync_network,
)
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import TrackMeasures


def track_measures() -> list[TrackMeasures]:
    """All of them.

    A video keeps the latest features of its sound only: first all that read what the speech model
    has read.
    """
    return [
        sync_network.sync_network_measures(),
        lip_sound.lip_sound_measures(),
        obedience.obedience_measures(),
        closures.closure_measures(),
        silence_motion.silence_measures(),
        smoothness.smoothness_measures(),
        dynamics_network.dynamics_network_measures(),
    ]


def explain(evidence: Evidence) -> dict[str, str]:
    """Why questions or single measures cannot be answered, by their name; empty if all can."""
    reasons: dict[str, str] = {}
    for module in (lip_sound, closures, silence_motion, dynamics_network):
        reasons |= module.explain(evidence)
    return reasons
