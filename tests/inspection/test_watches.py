"""The table of watches."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync.inspection.picture_pass import measure_frames
from lipsync.inspection.questions import QUESTIONS
from lipsync.inspection.watches import picture_watches
from tests.support.face_views import Clip


def test_every_measure_has_a_name_of_its_own_and_answers_a_question() -> None:
    measures = [one for watch in picture_watches() for one in watch.measures]
    assert len({one.name for one in measures}) == len(measures)
    assert {one.question for one in measures} <= set(QUESTIONS)


@pytest.mark.real
def test_every_measure_of_a_bare_face_has_values(man: Clip) -> None:
    values = measure_frames(man.frames, man.face, picture_watches())
    for name, series in values.items():
        known = np.isfinite(series[: len(man.frames)]).mean()
        if name.split(".")[0] in ("covered", "identity"):
            assert known == 0, name
        else:
            assert known > 0.8, name
