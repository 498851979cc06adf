"""Whether the lips follow the sound as this program's own speech model would have them.

A person's lips follow what is said in their own way. Lips that a speech model predicted follow its
prediction almost exactly, whoever they were drawn on. How closely they do is compared with how
closely a network that has learned from real lips finds them to follow the sound: in real footage
the two go together, for clear speech and for mumbled, in good pictures and in bad.

It tells lips of this program's speech model; those of others follow other predictions.
"""

from __future__ import annotations

from lipsync.inspection import lip_sound, sync_network
from lipsync.inspection.evidence import Evidence
from lipsync.inspection.measures import Measure, TrackMeasures

# Real clips (street footage, lab, broadcast; recompressed too): correlation (Fisher's z) over the
# network's distance, a line fitted by least squares. The slope is the same with and without any of
# these groups; the deviation from it is 0.25.
AT_ZERO, SLOPE = 3.0, -1.97

MEASURES = (
    Measure(
        "sync.obedience",
        "how much more closely than real lips they follow this program's own prediction of them",
        "high",
        None,
    ),
)


def measure_span(evidence: Evidence, first: int, end: int) -> dict[str, float]:
    """Correlation with the prediction, above what it is in real footage of that distance."""
    fit = lip_sound.best_fit(evidence, first, end)
    distance = sync_network.measure_span(evidence, first, end).get("sync.distance")
    if fit is None or distance is None:
        return {}
    return {"sync.obedience": lip_sound.fisher(fit.r) - (AT_ZERO + SLOPE * distance)}


def obedience_measures() -> TrackMeasures:
    """How obedient the lips are to the speech model."""
    return TrackMeasures(MEASURES, measure_span)
