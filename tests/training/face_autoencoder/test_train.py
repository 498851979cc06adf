from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync.errors import FacesError, OptionsError, OutputError, WeightsError
from lipsync.faceswap.autoencoder import FaceAutoencoder
from lipsync.learning import metrics_log, picture_losses, run_state
from lipsync.runtime.threads import single_threaded_torch
from tests.support import face_sets
from training.face_autoencoder import losses, training_report
from training.face_autoencoder.augment import FaceAugmentation
from training.face_autoencoder.batches import (
    FaceBatch,
    batches,
    choose_face,
    open_training_faces,
    split,
)
from training.face_autoencoder.options import (
    CHANGEABLE,
    AutoencoderOptions,
    FaceLossWeights,
    read_config,
)
from training.face_autoencoder.train import main, train
from training.face_autoencoder.trainer import FaceAutoencoderTrainer
from training.parallel.distributed import ProcessGroup
from training.speech_model.options import to_yaml

REPO = Path(__file__).resolve().parents[3]
HERE = ProcessGroup(0, 1, torch.device("cpu"))
LIGHT = AutoencoderOptions(
    "t", "test", "light", 32, 4, 6, 1e-3, width=4, latent=8, ema=0.9, report_every=3,
    losses=FaceLossWeights(edge=0.1, eyes=1, face_mask=0.1),
    augmentation=FaceAugmentation(occluders=0.5),
)  # fmt: skip
GAN = replace(
    LIGHT, architecture="gan", perceptual_steps=2, perceptual_from=0.0, discriminator_width=4,
    losses=FaceLossWeights(1, 0.1, 30, 0.0, 0.05, 0.1, 0.0, 0.1, 0.1),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """These networks are tiny: a second thread would only be waited for."""
    with single_threaded_torch():
        yield


def weights(path: Path) -> dict[str, torch.Tensor]:
    return FaceAutoencoder.load(path).state_dict()


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return all(torch.equal(a[name], b[name]) for name in a)


TOLD = replace(LIGHT, batch=6, marks=True, augmentation=FaceAugmentation(flip=0))


@pytest.mark.parametrize(
    "options",
    [LIGHT, GAN, TOLD, replace(LIGHT, alternate=True, anneal=True)],
    ids=["light", "gan", "told", "alternate"],
)
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(
    options: AutoencoderOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of step 5, after the last state of step 3."""
    a, b = face_sets.pair(tmp_path)
    straight = train(options, a, b, tmp_path / "straight")
    learn = FaceAutoencoderTrainer.train_step

    def interrupted(self: FaceAutoencoderTrainer, ready: dict, step: int) -> dict:
        if step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return learn(self, ready, step)

    monkeypatch.setattr(FaceAutoencoderTrainer, "train_step", interrupted)
    with pytest.raises(KeyboardInterrupt, match="stopped after step 5 of 6; --resume"):
        train(options, a, b, tmp_path / "stopped")
    monkeypatch.setattr(FaceAutoencoderTrainer, "train_step", learn)
    resumed = train(options, a, b, tmp_path / "stopped", resume=True)
    assert same(straight, resumed)
    for row, other in zip(
        metrics_log.read(tmp_path / "straight" / "losses.csv"),
        metrics_log.read(tmp_path / "stopped" / "losses.csv"),
        strict=True,
    ):
        for name in set(row) - {"minutes"}:
            assert row[name] == pytest.approx(other[name], rel=1e-12), name


def test_a_run_that_was_killed_goes_on_from_its_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = face_sets.pair(tmp_path)
    straight = train(LIGHT, a, b, tmp_path / "straight")
    learn = FaceAutoencoderTrainer.train_step

    def dead(self: FaceAutoencoderTrainer, ready: dict, step: int) -> dict:
        if step == 5:
            raise MemoryError
        return learn(self, ready, step)

    monkeypatch.setattr(FaceAutoencoderTrainer, "train_step", dead)
    with pytest.raises(MemoryError):
        train(LIGHT, a, b, tmp_path / "killed")
    monkeypatch.setattr(FaceAutoencoderTrainer, "train_step", learn)
    assert same(straight, train(LIGHT, a, b, tmp_path / "killed", resume=True))


def test_told_faces_come_in_pairs_of_one_shot(tmp_path: Path) -> None:
    people = open_training_faces(*face_sets.pair(tmp_path), TOLD)
    drawn = [
        choose_face(people, "a", (0, step, 0, row), TOLD) for step in range(40) for row in range(3)
    ]
    rows = np.array(drawn).reshape(-1, 3)
    shots = people.sets["a"].shot[rows]
    assert (shots[:, 0] == shots[:, 1]).all()
    assert (shots[:, 0] == shots[:, 2]).mean() < 0.5
    assert len(np.unique(shots)) > 3
    assert (rows[:, 0] != rows[:, 1]).mean() > 0.6


def test_a_batch_that_breaks_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionsError, match="each of 1 processes takes a multiple of 3"):
        train(replace(TOLD, batch=4), *face_sets.pair(tmp_path), tmp_path / "run")


def test_the_mouth_counts_where_the_mouth_is() -> None:
    face = torch.full((1, 3, 4, 4), 0.5)
    where, none = torch.zeros(1, 1, 4, 4), torch.zeros(1, 0, 2)
    where[..., 0, 0] = 1
    batch = FaceBatch(face, face, face, 1 - 0 * where, 0 * where, where, none)
    made = face.clone()
    made[..., 3, 3] += 0.3
    weights = FaceLossWeights(mouth=1)
    elsewhere, _ = losses.reconstruction(batch, made, None, weights, own_alpha=False)
    made[..., 0, 0] += 0.3
    there, _ = losses.reconstruction(batch, made, None, weights, own_alpha=False)
    assert float(elsewhere["mouth"]) == 0
    assert float(there["mouth"]) == pytest.approx(0.3 / 16)


def test_it_learns(tmp_path: Path) -> None:
    a, b = face_sets.pair(tmp_path)
    options = replace(LIGHT, steps=60, batch=8, report_every=60, augmentation=FaceAugmentation())
    path = train(options, a, b, tmp_path / "run")
    people = open_training_faces(a, b, options)
    before = training_report.held_out_psnr(FaceAutoencoder(options.dims), people)
    after = training_report.held_out_psnr(FaceAutoencoder.load(path), people)
    assert min(after.values()) > max(before.values()) + 5  # dB
    assert (tmp_path / "run" / "preview.png").is_file()
    assert (tmp_path / "run" / "losses.png").is_file()


def test_it_stops_when_nothing_gets_better(tmp_path: Path) -> None:
    a, b = face_sets.pair(tmp_path)
    options = replace(LIGHT, steps=40, report_every=2, patience=3, learning_rate=1e-12, ema=0.0)
    train(options, a, b, tmp_path / "run")
    rows = metrics_log.read(tmp_path / "run" / "losses.csv")
    assert [row["step"] for row in rows] == [2, 4, 6, 8]


def test_one_person_in_both_sets_is_noticed(tmp_path: Path) -> None:
    one, other = face_sets.make(tmp_path / "a", 1), face_sets.make(tmp_path / "b", 1)
    with pytest.raises(FacesError, match="show the same person"):
        open_training_faces(one, other, LIGHT)


def test_too_few_faces_and_damaged_ones_are_noticed(tmp_path: Path) -> None:
    few, good = face_sets.make(tmp_path / "a", 1, count=49), face_sets.make(tmp_path / "b", 2)
    with pytest.raises(FacesError, match="49 faces, at least 50"):
        open_training_faces(few, good, LIGHT)
    bad = face_sets.make(tmp_path / "c", 3)
    data = bytearray((bad / "faces.zip").read_bytes())
    data[data.find(b"faces/000007.jpg") + 500] ^= 0xFF
    (bad / "faces.zip").write_bytes(data)
    with pytest.raises(FacesError, match=r"faces/000007\.jpg is damaged"):
        open_training_faces(bad, good, LIGHT)


def test_a_full_disk_is_one_line_and_leaves_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = face_sets.pair(tmp_path)
    train(replace(LIGHT, steps=3), a, b, tmp_path / "run")
    before = (tmp_path / "run" / "state.pt").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        train(LIGHT, a, b, tmp_path / "run", resume=True)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "run" / "state.pt").read_bytes() == before


def test_a_state_of_another_run_is_refused(tmp_path: Path) -> None:
    a, b = face_sets.pair(tmp_path)
    train(replace(LIGHT, steps=3), a, b, tmp_path / "run")
    with pytest.raises(OptionsError, match="width was 4, is 8"):
        train(replace(LIGHT, width=8), a, b, tmp_path / "run", resume=True)
    (tmp_path / "run" / "state.pt").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="damaged"):
        run_state.load_state(tmp_path / "run" / "state.pt", LIGHT, CHANGEABLE)


@pytest.mark.parametrize("name", ["original", "light", "gan", "gan_cpu"])
def test_shipped_configs_are_valid(name: str) -> None:
    options = read_config(REPO / "configs" / "train" / f"{name}.yaml")
    assert options.name == name
    assert options.dims.size == options.size


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("size: 100", "multiple of 16"),
        ("widht: 3", "widht"),
        ("batch: 0", "batch"),
        ("augmentation: {rotation: 8}", "flip: 0 with marks"),
    ],
)
def test_wrong_configs_are_one_line(line: str, words: str, tmp_path: Path) -> None:
    text = (REPO / "configs" / "train" / "light.yaml").read_text()
    key = line.split(":")[0]
    kept = [old for old in text.splitlines() if not old.startswith(f"{key}:")]
    (tmp_path / "x.yaml").write_text("\n".join([*kept, line]))
    with pytest.raises(OptionsError, match=words) as caught:
        read_config(tmp_path / "x.yaml")
    assert "\n" not in str(caught.value)


def test_the_command_ends_with_one_line(tmp_path: Path) -> None:
    config = str(REPO / "configs" / "train" / "light.yaml")
    with pytest.raises(SystemExit) as caught:
        main([config, "--a", str(tmp_path / "x"), "--b", str(tmp_path / "y")])
    assert str(caught.value).startswith("error: ")
    main([config, "--a", "x", "--b", "y", "--dry-run"])


def test_whole_shots_are_held_out() -> None:
    shots = np.repeat(np.arange(20), 7)
    learned, held = split(shots, 0.1)
    assert len(np.unique(shots[held])) == 2
    assert not set(shots[learned]) & set(shots[held])
    assert len(learned) + len(held) == len(shots)
    learned, held = split(np.zeros(50, int), 0.1)
    assert held.tolist() == list(range(45, 50))


def test_batches_do_not_depend_on_where_one_begins(tmp_path: Path) -> None:
    people = open_training_faces(*face_sets.pair(tmp_path), LIGHT)
    straight = list(batches(people, LIGHT, 0, 3, HERE))
    late = list(batches(people, LIGHT, 2, 3, HERE))
    assert torch.equal(straight[2]["b"].warped, late[0]["b"].warped)
    assert not torch.equal(straight[1]["b"].warped, late[0]["b"].warped)
    # Two processes share the rows of one.
    halves = [
        next(batches(people, LIGHT, 0, 1, ProcessGroup(r, 2, torch.device("cpu")))) for r in (0, 1)
    ]
    joined = torch.cat([half["a"].target for half in halves])
    assert torch.equal(joined, straight[0]["a"].target)


def test_the_mean_colors_are_brought_together(tmp_path: Path) -> None:
    people = open_training_faces(*face_sets.pair(tmp_path), LIGHT)
    ready = next(batches(people, replace(LIGHT, batch=24), 0, 1, HERE))
    means = [ready[side].target.mean((0, 2, 3)) for side in ("a", "b")]
    assert (means[0] - means[1]).abs().max() < 0.03


def test_the_losses_are_what_they_say() -> None:
    x = torch.rand(2, 3, 8, 8)
    assert float(picture_losses.edge_loss(x, x + 0.3)) < 1e-6  # another level is no edge
    step = torch.zeros(1, 1, 1, 4)
    step[..., 2:] = 1
    assert float(picture_losses.edge_loss(step, torch.zeros_like(step))) != float("inf")
    half = torch.full((2, 1, 4, 4), 0.25)
    assert float(losses.mask_hinge(half, 0.3)) == pytest.approx(0.05)
    assert float(losses.mask_hinge(half, 0.2)) == 0
    stripes = torch.zeros(1, 1, 4, 4)
    stripes[..., ::2] = 1
    assert float(losses.mask_variation(stripes)) == 1
    share = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    mixed = losses.mixup(x, 1 - x, share)
    assert torch.equal(mixed[0], x[0])
    assert torch.equal(mixed[1], 1 - x[1])
    assert float(picture_losses.lsgan_loss(share, share)) == 0
    assert picture_losses.psnr(x, x + 0.1) == pytest.approx(20, abs=1e-3)
    alpha = torch.zeros(2, 1, 8, 8)
    assert torch.equal(losses.alpha_composite(1 - x, alpha, x), x)


def test_alpha_is_taught_to_keep_what_is_before_the_face() -> None:
    """With the right colors, the loss is least where α shows the face and not the hand."""
    face, hand = torch.full((1, 3, 4, 4), 0.6), torch.full((1, 3, 4, 4), 0.1)
    where = torch.zeros(1, 1, 4, 4)
    where[..., :2] = 1
    shown = face * (1 - where) + hand * where
    none = torch.zeros(1, 0, 2)
    batch = FaceBatch(shown, face, shown, 1 - where, 0 * where, 0 * where, none)
    weights = FaceLossWeights()
    right, _ = losses.reconstruction(batch, face, 1 - where, weights, own_alpha=True)
    all_of_it, _ = losses.reconstruction(batch, face, torch.ones(1, 1, 4, 4), weights, True)
    assert float(right["pixel"]) == pytest.approx(0, abs=1e-6)
    assert float(all_of_it["pixel"]) > 0.2


@pytest.mark.slow
def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    """Half of every batch each, gradients averaged: the same weights to rounding."""
    a, b = face_sets.pair(tmp_path)
    options = replace(LIGHT, name="two", steps=4, report_every=4)
    (tmp_path / "two.yaml").write_text(to_yaml(options), encoding="utf-8")
    one = train(options, a, b, tmp_path / "one")
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [tmp_path / "two.yaml", "--a", a, "--b", b, "--out", tmp_path]
    done = subprocess.run(
        [sys.executable, *start, "-m", "training.face_autoencoder.train", *arguments], cwd=REPO,
        capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    two = weights(tmp_path / "two" / "two.safetensors")
    for name, value in weights(one).items():
        assert two[name].numpy() == pytest.approx(value.numpy(), abs=3e-5), name


def test_augmentation_calms_down_when_it_is_told_to() -> None:
    options = replace(LIGHT, steps=100, calm_from=0.5, augmentation=FaceAugmentation(flip=0.5))
    assert options.augmentation_at(50) == options.augmentation
    half, end = options.augmentation_at(55), options.augmentation_at(99)
    assert end.flip < half.flip < 0.5
    assert end.rotation == pytest.approx(1.2)
    assert end.jitter == 5.0
    assert replace(options, calm_from=1.0).augmentation_at(99) == options.augmentation
