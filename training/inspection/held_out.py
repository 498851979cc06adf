"""How clips fare of people, and of kinds of fake, that took no part in what judges them.

A clip's scores are against other people's real footage. The limit from which it is called made is
that of other people's real clips. In the figures of a kind, that kind took no part in the fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lipsync.types import F64, Bools
from training.inspection.scored_clips import (
    Scored,
    area_under_curve,
    fit_ways,
    greatest_traces,
)

FALSE_ALARMS = 0.02  # of real clips, at most, at the threshold


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Whole clips of held-out people, n of them."""

    scored: Scored
    shipped: F64  # (n,), traces found by the detectors that ship; −∞: nothing can be said
    by_kind: dict[str, F64]  # (n,) each, found by detectors that do not know the kind

    @staticmethod
    def of(scored: Scored, shipped: F64) -> HeldOut:
        """The whole clips of held-out people among spans, and the traces that all these have."""
        shown = np.array([one.whole and one.held_out for one in scored.spans])
        clips = scored.where(lambda one: one.whole and one.held_out)
        by_kind = {}
        for kind in dict.fromkeys(one.clip.clip.kind for one in clips.spans if not one.real):
            known = scored.where(
                lambda one, kind=kind: (  # type: ignore[misc]
                    one.whole and not one.held_out and one.clip.clip.kind != kind
                )
            )
            by_kind[kind] = _known(greatest_traces(scored, fit_ways(known))[shown])
        return HeldOut(clips, _known(shipped[shown]), by_kind)

    def area(self, kind: str, among: Bools) -> float:
        """Area under the curve of a kind against real clips, both among some; NaN: there are none.

        Args:
            among: (n,).
        """
        traces, kinds = self.by_kind[kind], np.array(self.scored.kinds)
        real = traces[~self.scored.made & among]
        return area_under_curve(real, traces[(kinds == kind) & among])

    def called_made(self, kind: str | None = None) -> Bools:
        """(n,), whether clips are called made by detectors that do not know a kind; None: all."""
        traces = self.shipped if kind is None else self.by_kind[kind]
        people = np.array([one.person for one in self.scored.spans])
        found = np.zeros(len(traces), bool)
        for person in set(people):
            others = traces[(people != person) & ~self.scored.made]
            mine = people == person
            found[mine] = traces[mine] > find_limit(others)
        return found

    def rates(self) -> dict[str, float]:
        """Shares of clips on the wrong side of the limit, by what they are."""
        made, kinds = self.scored.made, np.array(self.scored.kinds)
        rates = {"real called made": float(self.called_made()[~made].mean())}
        for kind in self.by_kind:
            rates[f"{kind} missed"] = float((~self.called_made(kind))[kinds == kind].mean())
        return {name: round(rate, 4) for name, rate in rates.items()}


def find_limit(real: F64) -> float:
    """What at most FALSE_ALARMS of some real values lie above."""
    return float(np.quantile(real, 1 - FALSE_ALARMS, method="higher"))


def _known(traces: F64) -> F64:
    return np.nan_to_num(traces, nan=-np.inf, neginf=-np.inf)
