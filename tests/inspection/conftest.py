"""Real clips for the picture measures: a woman, two men, a presenter in broadcast quality."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.face_views import Clip, clip


@pytest.fixture(scope="session")
def woman(shared: Path) -> Clip:
    return clip(sorted((shared / "data/grid_s4").glob("*.mp4"))[0])


@pytest.fixture(scope="session")
def man(shared: Path) -> Clip:
    return clip(sorted((shared / "data/av/train").glob("gridA*"))[0])


@pytest.fixture(scope="session")
def presenter(shared: Path) -> Clip:
    return clip(sorted((shared / "data/av/unseen/arabic_news").glob("*.mp4"))[0])


@pytest.fixture(scope="session")
def people(woman: Clip, man: Clip, presenter: Clip) -> list[Clip]:
    return [woman, man, presenter]
