"""Files whose names are no text."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lipsync import media
from tests.support import clips


def test_a_video_whose_name_is_not_utf8_is_read(tmp_path: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    shutil.copy(clips.video("plain.mp4"), place)
    info = media.probe(place)
    assert sum(1 for _ in media.read_frames(info)) == info.frame_count == 12
