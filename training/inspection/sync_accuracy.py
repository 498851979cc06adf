"""How often the sync network finds the offset of lips and sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.inspection import sync_network
from lipsync.inspection.sync_network import STATES_PER_SAMPLE, SyncNetwork
from training.inspection.voiced_clips import VoicedClip

MOVED = 3  # samples: 120 ms


@dataclass(frozen=True)
class Accuracy:
    """How well offsets are found."""

    found: float  # share of clips whose offset is within one sample
    moved: float  # … when the sound is moved by ±120 ms
    distance: float  # medians
    confidence: float


def measure_accuracy(network: SyncNetwork, clips: list[VoicedClip]) -> Accuracy:
    """Offsets of whole clips in their own voice, as they are and with moved sound."""
    right: list[bool] = []
    moved: list[bool] = []
    figures: list[tuple[float, float]] = []
    for clip in clips:
        seen = network.embed_lips(sync_network.lip_places(clip.moves))
        states = clip.voices[0].astype(np.float32)
        for late in (0, MOVED, -MOVED):
            at = np.arange(len(states)) - STATES_PER_SAMPLE * late
            heard = network.embed_sound(states[np.clip(at, 0, len(states) - 1)])
            found = sync_network.figures_of(sync_network.compare(seen, heard)[clip.spoken])
            if found is None:
                continue
            (moved if late else right).append(abs(round(found.offset) - late) <= 1)
            if not late:
                figures.append((found.distance, found.confidence))
    distance, confidence = np.median(figures, axis=0).tolist()
    return Accuracy(float(np.mean(right)), float(np.mean(moved)), distance, confidence)


def describe_accuracy(network: SyncNetwork, clips: list[VoicedClip]) -> str:
    """A line per person."""
    lines = []
    for person in sorted({clip.person for clip in clips}):
        mine = [clip for clip in clips if clip.person == person]
        one = measure_accuracy(network, mine)
        lines.append(
            f"{person} ({len(mine)}): offset within a picture {one.found:.0%}, sound moved by "
            f"120 ms {one.moved:.0%}, distance {one.distance:.2f}, confidence {one.confidence:.2f}"
        )
    return "; ".join(lines)
