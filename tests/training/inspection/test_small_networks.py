"""Training of the two small networks: what is drawn; what is exported is what was trained."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from lipsync.face.tracked_face import TrackedFace
from lipsync.inspection.dynamics_network import WINDOW, motion_inputs
from lipsync.inspection.trajectories import trace_face
from tests.support.faces import similarity, track_of
from training.inspection import made_motion, sync_batches, train_dynamics, train_sync
from training.inspection.fitting import fit
from training.inspection.made_motion import LENGTH, MAKERS, Source
from training.inspection.sync_accuracy import measure_accuracy
from training.inspection.voiced_clips import VoicedClip


def talker(seed: int, seconds: float = 4.0) -> VoicedClip:
    """A face whose mouth opens as its sound's first values say."""
    rng = np.random.default_rng(seed)
    m = round(25 * seconds)
    slow = np.convolve(rng.normal(size=m + 8), np.hanning(9), "valid")
    gap = np.clip(0.1 + 0.03 * slow, 0.01, None)
    track = track_of([similarity(100, 0, 200, 100)] * m, gap.tolist())
    moves = trace_face(TrackedFace.of(track))
    fine = np.interp(np.arange(2 * m) / 2, np.arange(m), slow)
    states = rng.normal(0, 0.1, (2 * m, 160))
    states[:, 0], states[:, 1] = fine, np.gradient(fine) * 4
    assert track.fps == Fraction(25)
    return VoicedClip(
        f"clip{seed}", "somebody", moves, (states.astype(np.float16),), np.ones(m, bool)
    )


@pytest.fixture(scope="module")
def clips() -> list[VoicedClip]:
    return [talker(seed) for seed in range(12)]


def test_a_drawn_part_has_the_sound_of_its_lips_in_the_middle(clips: list[VoicedClip]) -> None:
    """The mouth opens as the first state says: their correlation must peak where they meet."""
    rng = np.random.default_rng(0)
    lags = []
    for _ in range(20):
        lips, sound = sync_batches.draw(clips[0], rng, 0.05)
        assert lips.shape == (sync_batches.LENGTH, 5 * sync_batches.POINTS * 2)
        points = lips.reshape(len(lips), 5, sync_batches.POINTS, 2)[:, 2]
        gap = points[:, 16, 1] - points[:, 13, 1]
        heard = sound.reshape(len(sound), 10, 160)[:, 4:6, 0].mean(1)
        reach = (len(heard) - len(gap)) // 2
        assert reach == 15
        r = [np.corrcoef(gap, heard[k : k + len(gap)])[0, 1] for k in range(2 * reach + 1)]
        lags.append(int(np.argmax(np.abs(r))) - reach)
    assert np.mean(np.abs(lags) <= 1) >= 0.8


def test_the_sync_network_learns_offsets_and_is_exported_as_it_is(clips: list[VoicedClip]) -> None:
    towers = train_sync.train(clips[:8], steps=80)
    network = towers.export()
    found = measure_accuracy(network, clips[8:])
    assert found.moved >= 0.8
    lips, sound = (torch.from_numpy(one) for one in sync_batches.draw(
        clips[9], np.random.default_rng(0), 0.05
    ))  # fmt: skip
    with torch.inference_mode():
        mean = towers.mean.repeat(10)
        trained = towers.sound((sound - mean) / towers.deviation).numpy()
        seen = towers.lips(lips).numpy()
    assert network.sound(sound.numpy()) == pytest.approx(trained, abs=0.05)
    assert network.lips(lips.numpy()) == pytest.approx(seen, abs=0.05)


def test_made_motion_differs_from_real_and_has_its_size(clips: list[VoicedClip]) -> None:
    sources = [Source(one.name, one.person, one.moves, one.moves.lips[::-1]) for one in clips]
    rng = np.random.default_rng(0)
    for kind, make in MAKERS.items():
        made = make(sources, sources[0], rng)
        for part, size in ((made.lips, 18), (made.jaw, 15)):
            assert part.shape == (LENGTH, size, 2), kind
            assert np.isfinite(part).all(), kind
        assert made.lips.mean((0, 1)) == pytest.approx((0, 0.9), abs=0.1), kind
        spoiled = made_motion.disturb(made, sources[0], rng)
        assert np.isfinite(motion_inputs(spoiled.lips, spoiled.jaw, spoiled.head)).all(), kind


def test_mirrored_landmarks_are_those_of_the_mirrored_face() -> None:
    track = track_of([similarity(100, 0, 200, 100)] * 8)
    moves = trace_face(TrackedFace.of(track))
    points = np.concatenate([moves.lips, moves.jaw], axis=1)
    swapped = points[:, made_motion.mirror(15)] * (-1, 1)
    # This face is symmetric: so is its mirror image.
    assert swapped == pytest.approx(points, abs=0.02)


def test_the_dynamics_network_is_exported_as_it_is() -> None:
    torch.manual_seed(0)
    network = train_dynamics.Trained().eval()
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, WINDOW + 8, train_dynamics.INPUTS)).astype(np.float32)
    with torch.inference_mode():
        trained = network(torch.from_numpy(inputs)).numpy()
    exported = network.export()
    edge = train_dynamics.EDGE
    found = [exported.judge(exported.features(one)[edge : edge + WINDOW]) for one in inputs]
    assert found == pytest.approx(trained.tolist(), abs=0.01)


def test_fitting_ends_in_the_average_of_the_weights() -> None:
    torch.manual_seed(0)
    line = torch.nn.Linear(1, 1)
    x = torch.linspace(-1, 1, 64)[:, None]

    def loss() -> torch.Tensor:
        noisy = 3 * x - 2 + 0.5 * torch.randn_like(x)
        return (line(x) - noisy).square().mean()

    fitted = fit(line, loss, 600, 0.05, 0.0)
    assert fitted is not line
    assert float(fitted.weight.detach()) == pytest.approx(3, abs=0.1)
    assert float(fitted.bias.detach()) == pytest.approx(-2, abs=0.1)
