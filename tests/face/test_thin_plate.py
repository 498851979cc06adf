from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

from lipsync.face.similarity import apply_affine
from lipsync.face.thin_plate import ThinPlate
from tests.support.faces import canonical_face, similarity

RNG = np.random.default_rng(3)
AT = RNG.uniform(-1, 1, (200, 2)).astype(np.float32)


def test_without_smoothing_the_points_are_met() -> None:
    wanted = canonical_face()[:40]
    there = wanted + RNG.normal(0, 0.05, wanted.shape).astype(np.float32)
    assert np.abs(ThinPlate(wanted, wanted, 0.0).map_to(there) - there).max() < 1e-3


def test_an_affine_motion_is_carried_to_every_place() -> None:
    wanted, pose = canonical_face()[:40], similarity(70, 0.4, 20, 30)
    got = ThinPlate(wanted, AT).map_to(apply_affine(pose, wanted))
    assert np.abs(got - apply_affine(pose, AT)).max() < 0.02  # px of a face of 70 px


def test_it_agrees_with_scipys_thin_plate_spline() -> None:
    wanted = canonical_face()[:40]
    there = wanted + RNG.normal(0, 0.05, wanted.shape).astype(np.float32)
    # SciPy's kernel is r² log r as ours, its smoothing is the same λ.
    theirs = RBFInterpolator(wanted, there, kernel="thin_plate_spline", smoothing=0.01)(AT)
    ours = ThinPlate(wanted, AT, 0.01).map_to(there)
    assert np.abs(ours - theirs).max() < 1e-3


def test_many_pictures_share_one_plate() -> None:
    wanted = canonical_face()[:40]
    many = wanted + RNG.normal(0, 0.05, (5, 40, 2)).astype(np.float32)
    plate = ThinPlate(wanted, AT)
    assert plate.map_to(many).shape == (5, 200, 2)
    assert np.allclose(plate.map_to(many)[3], plate.map_to(many[3]), atol=1e-5)
