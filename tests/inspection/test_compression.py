"""Traces of compression, on real faces of which a part is compressed once more."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lipsync.inspection.compression import BLOCK, CompressionWatch, edges_by_phase
from lipsync.types import U8
from tests.support.face_views import Clip, mix


def measure(clip: Clip) -> dict[str, float]:
    return clip.measured(CompressionWatch())


def jpeg(frame: U8, quality: int) -> U8:
    _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def compress_lower(clip: Clip, i: int, frame: U8) -> U8:
    return mix(frame, jpeg(frame, 30), clip.lower(i))


def move_lower(clip: Clip, i: int, frame: U8) -> U8:
    """The lower face of a compressed frame three pixels beside its place."""
    return mix(frame, np.roll(frame, (3, 3), (0, 1)), clip.lower(i))


def compress_all(clip: Clip, i: int, frame: U8) -> U8:
    return jpeg(frame, 30)


@pytest.mark.real
def test_a_compressed_lower_face_has_block_edges_and_lost_detail(people: list[Clip]) -> None:
    for clip in people:
        own, made = measure(clip), measure(clip.edited(compress_lower))
        assert made["compression.blocks"] > own["compression.blocks"] + 0.3
        assert made["compression.zeros"] > own["compression.zeros"] + 0.3


@pytest.mark.real
def test_a_lower_face_that_was_moved_is_off_the_grid_of_blocks(people: list[Clip]) -> None:
    for clip in people:
        whole = clip.edited(compress_all)
        own, made = measure(whole), measure(whole.edited(move_lower))
        assert made["compression.blocks"] < own["compression.blocks"] - 0.3


@pytest.mark.real
def test_a_compressed_picture_is_compressed_all_over(people: list[Clip]) -> None:
    for clip in people:
        whole, part = measure(clip.edited(compress_all)), measure(clip.edited(compress_lower))
        assert whole["compression.zeros"] < part["compression.zeros"]
        assert whole["compression.blocks"] < part["compression.blocks"]


def test_block_edges_are_counted_where_they_are() -> None:
    blocks = np.kron(np.random.default_rng(0).uniform(0, 99, (9, 11)), np.ones((BLOCK, BLOCK)))
    shifted = np.roll(blocks, (2, 2), (0, 1)).astype(np.float32)
    everywhere = np.ones(shifted.shape, bool)
    assert edges_by_phase(blocks.astype(np.float32), everywhere).argmax() == 0
    assert edges_by_phase(shifted, everywhere).argmax() == 2
