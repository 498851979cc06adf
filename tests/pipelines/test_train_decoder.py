"""A decoder of one person's mouth: what it sees, how it learns, what it draws."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

import lipsync
from lipsync.cli import app
from lipsync.errors import MouthError, OptionsError, OutputError, WeightsError
from lipsync.face.similarity import apply_affine, compose_affine
from lipsync.learning import metrics_log, picture_losses
from lipsync.learning.mouth_decoder.early_stopping import split_pairs
from lipsync.learning.mouth_decoder.options import LearnOptions
from lipsync.learning.mouth_decoder.pairs import (
    Pairs,
    choose_canvas,
    exclude_frames,
    match_border_color,
    split_into_segments,
)
from lipsync.learning.mouth_decoder.run import (
    DecoderData,
    curve_path,
    state_path,
    train_decoder,
)
from lipsync.learning.mouth_decoder.trainer import HeldOutMetrics, MouthDecoderTrainer
from lipsync.mouth.decoder import decoder_texture
from lipsync.mouth.decoder.crop import (
    LANDMARK_VALUES,
    MAPS,
    Canvas,
    conditioning_size,
    describe_mouths,
)
from lipsync.mouth.decoder.network import DecoderDims, MouthDecoder
from lipsync.mouth.texture import TextureOptions, load_model
from lipsync.options import MouthOptions, RenderOptions, read_options
from lipsync.pipelines import train_decoder as pipeline
from lipsync.runtime import checkpoint
from lipsync.runtime.hashing import hash_file
from lipsync.runtime.threads import single_threaded_torch
from lipsync.types import LipTrack
from tests.support.clips import run
from tests.support.mouths import bank_of_frames

REPO = Path(__file__).resolve().parents[2]
SAMPLE = REPO / "assets" / "sample"
QUICK = LearnOptions(
    mouth_size=32, mouth_width=4, steps=6, batch=4, report_every=2, precision="float32", seed=3
)
RNG = np.random.default_rng(0)
FPS = Fraction(25)


def oval(width: float, opening: float) -> np.ndarray:
    """Lips (18, 2) about the middle of a canvas."""
    outer = np.linspace(np.pi, 3 * np.pi, 12, endpoint=False)
    inner = np.array([1.25, 1.5, 1.75, 0.25, 0.5, 0.75]) * np.pi
    points = [(width * np.cos(a), 0.08 * np.sin(a) + opening / 2 * np.sin(a)) for a in outer]
    points += [(0.7 * width * np.cos(a), opening / 2 * np.sin(a)) for a in inner]
    return (np.array(points) + np.array([0, 1])).astype(np.float32)


def synthetic(n: int = 96, size: int = 32) -> Pairs:
    """Pairs whose truth is the median with a mouth that is darker the wider it opens."""
    rng, canvas = np.random.default_rng(1), Canvas(size)
    opening = rng.uniform(0, 0.25, n)
    lips = np.stack([oval(0.3, one) for one in opening])
    steady = rng.integers(90, 160, (n, 1, 1, 3)) + np.zeros((n, canvas.height, size, 3))
    detailed = np.clip(steady + rng.normal(0, 3, steady.shape), 0, 255).astype(np.uint8)
    maps = np.stack([canvas.draw_lip_maps(one) for one in lips])
    true = np.clip(detailed - (maps[..., 1:] / 255) * 200 * opening[:, None, None, None], 0, 255)
    box = np.array([(-0.7, 0.6), (0.7, 0.6), (0.7, 1.4), (-0.7, 1.4)], np.float32)
    mask = np.stack([canvas.draw_mask(box, 0.03)] * n)
    still = np.zeros((n, 3, 2), np.float32)
    return Pairs(
        steady.astype(np.uint8),
        detailed,
        true.astype(np.uint8),
        maps,
        mask,
        describe_mouths(LipTrack(lips, FPS), still, None, np.zeros(n, np.int64), 42),
        np.arange(n) // 6,
    )


@pytest.fixture(scope="module")
def data() -> DecoderData:
    return DecoderData(synthetic(), 4.0, {"files": [], "landmarks": "mediapipe-478"}, "one", [])


# --- what it sees ---------------------------------------------------------------------------


def test_the_canvas_keeps_the_mask_of_a_composite_and_its_shape() -> None:
    canvas = Canvas(128)
    assert (canvas.size, canvas.height) == (128, 80)
    both = compose_affine(canvas.from_canonical, canvas.to_canonical)
    assert np.allclose(both, np.eye(2, 3), atol=1e-4)


@pytest.mark.parametrize("scale", [40.0, 80.0, 200.0])
def test_what_the_canvas_sees_it_lays_back(scale: float) -> None:
    """A smooth picture passes through the canvas and back to the frame's grid, within 2 levels."""
    turn = np.deg2rad(7)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    to_picture = np.concatenate([linear, [[1.2 * scale], [0.3 * scale]]], 1).astype(np.float32)
    h, w = int(2.6 * scale), int(2.6 * scale)
    y, x = np.mgrid[:h, :w] / scale
    picture = np.stack([128 + 90 * np.sin(4 * x) * np.cos(3 * y)] * 3, -1).astype(np.uint8)
    canvas = Canvas(128)
    seen = canvas.crop(picture, to_picture)
    assert seen.shape == (80, 128, 3)
    laid = canvas.paste(seen.astype(np.float32), to_picture, (h, w))
    middle = canvas.paste(
        np.pad(np.ones((72, 120, 1), np.float32), ((4, 4), (4, 4), (0, 0))), to_picture, (h, w)
    )
    inside = np.atleast_3d(middle)[..., 0] > 0.99
    assert inside.sum() > 0.8 * scale * scale
    assert np.abs(laid - picture)[inside].max() < 4
    assert np.abs(laid - picture)[inside].mean() < 1


def test_lips_are_drawn_where_they_are() -> None:
    canvas, lips = Canvas(128), oval(0.3, 0.2)
    maps = canvas.draw_lip_maps(lips)
    assert maps.shape == (80, 128, MAPS)
    x, y = apply_affine(canvas.from_canonical, np.array([[0, 1], [0, 1.13]], np.float32)).round().T
    middle, below = maps[int(y[0]), int(x[0])], maps[int(y[1]), int(x[1])]
    assert middle.tolist() == [255, 255]
    assert below.tolist() == [255, 0]  # on the lower lip
    assert maps[0, 0].tolist() == [0, 0]


def test_motion_is_never_seen_across_a_cut() -> None:
    lips = RNG.normal(size=(10, 18, 2)).astype(np.float32)
    pose, phones = np.zeros((10, 3, 2), np.float32), RNG.random((10, 42)).astype(np.float32)
    runs = np.repeat([0, 1], 5)
    whole = describe_mouths(LipTrack(lips, FPS), pose, phones, runs, 42)
    assert whole.shape == (10, conditioning_size(42))
    alone = describe_mouths(LipTrack(lips[:5], FPS), pose[:5], phones[:5], runs[:5], 42)
    assert np.array_equal(whole[:5], alone)
    deaf = describe_mouths(LipTrack(lips, FPS), pose, None, runs, 42)
    assert not deaf[:, LANDMARK_VALUES:].any()
    assert np.array_equal(deaf[:, :LANDMARK_VALUES], whole[:, :LANDMARK_VALUES])


def test_a_small_face_gets_no_more_pixels_than_it_has() -> None:
    bank = bank_of_frames(np.arange(20))
    for scale, size in ((64, 104), (153, 128), (5, 32)):
        of_scale = replace(bank, to_crop=bank.to_crop * np.float32(scale))
        assert choose_canvas(of_scale, 128).size == size


# --- pairs ----------------------------------------------------------------------------------


def test_no_pair_is_drawn_from_its_own_moment() -> None:
    frames = np.arange(500)
    bank = bank_of_frames(frames, (frames >= 260).astype(int))
    groups = split_into_segments(bank, 25, 10_000)
    assert np.array_equal(np.concatenate(groups), frames)
    assert max(map(len, groups)) <= 1.5 * 75
    assert all(len(np.unique(bank.shots[group])) == 1 for group in groups)
    for group in groups:
        lent = np.flatnonzero(exclude_frames(bank, group, 25).quality > 0)
        assert np.abs(np.subtract.outer(lent, group)).min() > 25
    assert sum(map(len, split_into_segments(bank, 25, 200))) <= 260
    assert len(split_into_segments(bank_of_frames(np.arange(60)), 25, 1000)) >= 6


def test_colors_of_the_border_are_not_to_be_learned() -> None:
    true = np.full((40, 40, 3), 120, np.uint8)
    drawn = true + np.array([7, 0, 3], np.uint8)
    mask = cv2.GaussianBlur(np.pad(np.full((20, 20), 255, np.uint8), 10), (0, 0), 2)
    assert np.array_equal(match_border_color(true, drawn, mask), drawn)


# --- losses ---------------------------------------------------------------------------------


def test_similarity_is_the_one_that_pages_show() -> None:
    one = cv2.GaussianBlur(RNG.random((60, 70)).astype(np.float32), (0, 0), 1.0)
    other = np.clip(one + 0.05 * RNG.normal(size=one.shape), 0, 1).astype(np.float32)
    _, wanted = structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True,
        data_range=1,
    )  # fmt: skip
    found = picture_losses.ssim_map(*(torch.from_numpy(p)[None, None] for p in (one, other)))
    assert np.allclose(found[0, 0].numpy()[8:-8, 8:-8], wanted[8:-8, 8:-8], atol=1e-3)


def test_the_finest_texture_wants_as_much_noise_not_the_same() -> None:
    noises = [torch.from_numpy(RNG.normal(0.5, 0.05, (1, 3, 64, 64))).float() for _ in range(2)]
    where = torch.ones(1, 1, 64, 64)
    same = float(picture_losses.texture_loss(noises[0], noises[1], where))
    faint = float(picture_losses.texture_loss(0.5 + 0.3 * (noises[0] - 0.5), noises[1], where))
    assert same < 0.25
    assert faint > 3 * same
    assert float(picture_losses.texture_loss(noises[0], noises[0], where)) == 0


# --- the network ----------------------------------------------------------------------------


def test_before_it_learns_the_median_passes_as_it_is() -> None:
    network = MouthDecoder(DecoderDims(64, 8))
    steady, detailed = torch.rand(2, 3, 40, 64), torch.rand(2, 3, 40, 64)
    made = network.predict(
        steady, detailed, torch.rand(2, MAPS, 40, 64), torch.randn(2, conditioning_size(42))
    )
    assert torch.allclose(made, detailed, atol=1e-6)


def test_weights_say_what_they_are(tmp_path: Path) -> None:
    network = MouthDecoder(DecoderDims(32, 4, refines=False))
    network.meta, network.known = {"name": "mouth of x"}, torch.rand(2, 40, 56).half()
    network.save(tmp_path / "m.safetensors")
    again = MouthDecoder.load(tmp_path / "m.safetensors")
    assert again.dims == network.dims
    assert again.meta == network.meta
    assert torch.equal(again.known, network.known)
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "face autoencoder"}, r"another kind \(face autoencoder\), not of a mouth; train"),
        ({"dims": {"size": 32, "layers": 7}}, "an architecture that this version does not know"),
        ({"dims": {"size": 30}}, "an architecture that this version does not know"),
        ({"dims": {"size": 32, "width": 8}}, "do not fit the architecture that it names"),
    ],
)
def test_a_model_of_another_architecture_is_refused(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    MouthDecoder(DecoderDims(32, 4)).save(path)
    tensors, meta = checkpoint.load(path)
    checkpoint.save(path, tensors, {**meta, **change})
    with pytest.raises(WeightsError, match=words) as refused:
        load_model(TextureOptions(texture="decoder", mouth_model=str(path)))
    assert "\n" not in str(refused.value)


def test_somebody_elses_mouth_is_doubted() -> None:
    network = MouthDecoder(DecoderDims(32, 4))
    person, other = (list(RNG.normal(size=(3, 40, 56)).astype(np.float32)) for _ in range(2))
    assert (
        decoder_texture.find_mismatch(network, person, "mediapipe-478") is None
    )  # nothing is known
    network.known = torch.from_numpy(np.stack(person)).half()
    assert decoder_texture.find_mismatch(network, person, "mediapipe-478") is None
    assert "another person's (likeness" in str(
        decoder_texture.find_mismatch(network, other, "mediapipe-478")
    )
    network.meta = {"footage": {"landmarks": "ibug-68"}}
    assert "other landmarks (ibug-68)" in str(
        decoder_texture.find_mismatch(network, person, "mediapipe-478")
    )


# --- learning -------------------------------------------------------------------------------


def test_it_learns_what_the_median_lacks(data: DecoderData, tmp_path: Path) -> None:
    options = replace(QUICK, steps=160, report_every=40, mouth_width=8, learning_rate=3e-3)
    with single_threaded_torch():
        trained = train_decoder(data, options, tmp_path / "m.safetensors")
    assert trained.progress.step == 160
    assert trained.after.psnr > trained.before.psnr + 2
    assert trained.after.ssim > trained.before.ssim
    assert not trained.network.training
    learn, held = split_pairs(data.pairs)
    assert not set(data.pairs.stretch[learn]) & set(data.pairs.stretch[held])


@pytest.mark.parametrize("count", [2, 3, 8, 40])
def test_some_stretches_are_always_held_out(count: int, data: DecoderData) -> None:
    rows = np.repeat(np.arange(count), 2)
    few = Pairs(**{name: value[: len(rows)] for name, value in vars(data.pairs).items()})
    learn, held = split_pairs(replace(few, stretch=rows[: len(few)]))
    assert 0 < len(held) <= len(learn)


@pytest.mark.parametrize("kind", ["median", "lips"])
def test_an_interrupted_run_goes_on_to_the_same_end(
    kind: str, data: DecoderData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(QUICK, mouth_input=kind)
    straight, stopped = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    learn = MouthDecoderTrainer.train_step

    def interrupted(self: MouthDecoderTrainer, batch: Any, progress: float) -> dict[str, float]:
        if abs(progress * options.steps - 2) < 0.5:
            os.kill(os.getpid(), signal.SIGINT)
        return learn(self, batch, progress)

    with single_threaded_torch():
        network = train_decoder(data, options, straight).network
        monkeypatch.setattr(MouthDecoderTrainer, "train_step", interrupted)
        with pytest.raises(KeyboardInterrupt, match="stopped after step 3 of 6; --resume"):
            train_decoder(data, options, stopped)
        monkeypatch.setattr(MouthDecoderTrainer, "train_step", learn)
        resumed = train_decoder(data, options, stopped, resume=True).network
    for name, value in network.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    rows = [metrics_log.read(curve_path(path)) for path in (straight, stopped)]
    assert [row["step"] for row in rows[0]] == [2, 4, 6]
    for one, other in zip(*rows, strict=True):
        for name in set(one) - {"minutes"}:
            assert one[name] == pytest.approx(other[name], rel=1e-12), name


def test_a_run_that_was_killed_goes_on_from_its_last_report(
    data: DecoderData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = MouthDecoderTrainer.train_step

    def dead(self: MouthDecoderTrainer, batch: Any, progress: float) -> dict[str, float]:
        if progress > 4.5 / QUICK.steps:
            raise MemoryError
        return learn(self, batch, progress)

    with single_threaded_torch():
        network = train_decoder(data, QUICK, tmp_path / "a.safetensors").network
        monkeypatch.setattr(MouthDecoderTrainer, "train_step", dead)
        with pytest.raises(MemoryError):
            train_decoder(data, QUICK, tmp_path / "b.safetensors")
        monkeypatch.setattr(MouthDecoderTrainer, "train_step", learn)
        resumed = train_decoder(data, QUICK, tmp_path / "b.safetensors", resume=True).network
    for name, value in network.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_a_state_of_another_run_is_refused(data: DecoderData, tmp_path: Path) -> None:
    output = tmp_path / "m.safetensors"
    train_decoder(data, QUICK, output)
    with pytest.raises(OptionsError, match="steps was 6, is 8"):
        train_decoder(data, replace(QUICK, steps=8), output, resume=True)
    with pytest.raises(OptionsError, match="of a run on other footage"):
        train_decoder(replace(data, digest="two"), QUICK, output, resume=True)
    train_decoder(data, replace(QUICK, licence="CC0", patience=3), output, resume=True)
    state_path(output).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged; delete it"):
        train_decoder(data, QUICK, output, resume=True)


def test_it_stops_when_held_out_stretches_no_longer_improve(
    data: DecoderData, tmp_path: Path
) -> None:
    unlearnable = replace(data.pairs, true=data.pairs.detailed, stretch=data.pairs.stretch)
    options = replace(QUICK, steps=400, patience=2, fine=0.0, ema=0.0, learning_rate=1e-2)
    without = replace(data, pairs=unlearnable)
    progress = train_decoder(without, options, tmp_path / "m.safetensors").progress
    assert progress.step < 400
    assert progress.since >= 2


def test_a_loss_that_is_no_number_ends_the_run(
    data: DecoderData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MouthDecoderTrainer, "train_step", lambda *_: {"total": float("nan")})
    with pytest.raises(
        OptionsError, match=r"step 1: the loss is nan; take a lower --learning-rate"
    ):
        train_decoder(data, QUICK, tmp_path / "m.safetensors")


# --- from end to end ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, lipsync.MouthResult]:
    """A decoder of the sample's mouth, hardly trained."""
    output = tmp_path_factory.mktemp("mouth") / "mouth.safetensors"
    options = MouthOptions.of(mouth_size=64, mouth_width=8, steps=60, report_every=20, pairs=100)
    lines: list[str] = []
    result = lipsync.train_mouth(SAMPLE / "target.mp4", output, options=options, tell=lines.append)
    assert len(lines) == 4
    return output, result


def test_training_writes_weights_and_a_curve(trained: tuple[Path, lipsync.MouthResult]) -> None:
    output, result = trained
    assert {p.name for p in output.parent.iterdir()} == {"mouth.safetensors", "mouth.losses.csv"}
    assert result.footage_s > 6
    assert result.steps == 60
    assert [row["step"] for row in metrics_log.read(result.curve)] == [20, 40, 60]
    meta = MouthDecoder.load(output).meta
    assert meta["footage"]["files"] == [
        {"name": "target.mp4", "sha256": hash_file(SAMPLE / "target.mp4")}
    ]
    assert meta["licence"] == "that of the person's footage"
    # Held-out stretches of the sample: what is drawn stays near the truth.
    assert result.psnr > result.psnr_before - 0.5
    assert result.psnr > 28
    with pytest.raises(OutputError, match="exists already"):
        lipsync.train_mouth(SAMPLE / "target.mp4", output)


def test_a_render_draws_with_it_and_says_so(
    trained: tuple[Path, lipsync.MouthResult], tmp_path: Path
) -> None:
    output, _ = trained
    made = {}
    for texture in ("median", "decoder"):
        options = RenderOptions.of(
            texture=texture,
            mouth_model=str(output) if texture == "decoder" else None,
            adapt="never",
            span_fade=0.0,
        )
        made[texture] = lipsync.render(
            SAMPLE / "speech.wav", SAMPLE / "target.mp4", tmp_path / f"{texture}.mp4",
            options=options,
        )  # fmt: skip
    assert made["median"].changed_frames == made["decoder"].changed_frames > 100
    assert hash_file(made["median"].output) != hash_file(made["decoder"].output)
    models = json.loads(made["decoder"].sidecar.read_text())["models"]
    assert [card["name"] for card in models] == ["lip_lstm", "mouth of target.mp4"]
    assert models[1]["sha256"] == hash_file(output)
    assert not [line for line in made["decoder"].warnings if "mouth model" in line]


def test_a_decoder_that_invents_draws_as_well(data: DecoderData, tmp_path: Path) -> None:
    network = MouthDecoder(DecoderDims(32, 4, refines=False))
    network.get_buffer("usual").copy_(torch.rand(3, 24, 32))
    told, maps = torch.randn(1, conditioning_size(42)), torch.rand(1, MAPS, 24, 32)
    usual = network.get_buffer("usual")
    made = network.predict(torch.rand(1, 3, 24, 32), torch.rand(1, 3, 24, 32), maps, told)
    assert torch.allclose(made[0], usual)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--texture", "decoder"], "needs --mouth-model; train one with lipsync train-mouth"),
        (["--texture", "decoder", "--mouth-model", "none.safetensors"], "no such weights file"),
    ],
)
def test_a_render_without_a_decoder_says_how_to_get_one(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, speech = str(SAMPLE / "target.mp4"), str(SAMPLE / "speech.wav")
    with pytest.raises(SystemExit) as stopped:
        app.main(["render", "-a", speech, "-v", video, "-o", str(tmp_path / "o.mp4"), *arguments])
    assert stopped.value.code == 2
    line = capsys.readouterr().err.strip()
    assert words in line
    assert "\n" not in line
    assert list(tmp_path.iterdir()) == []


def test_one_decoder_does_not_draw_several_people() -> None:
    with pytest.raises(OptionsError, match="knows one person's mouth"):
        load_model(TextureOptions(texture="decoder", mouth_model="m.safetensors"), speakers=2)
    assert load_model(TextureOptions(), speakers=2) is None


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("short", r"3\.\d s of footage with the mouth in view; 6 s are needed"),
        ("still", "a picture does not move"),
        ("missing", "no such file"),
        ("option", "unknown option|mouth_size"),
        ("config", "unknown option 'stepps'"),
    ],
)
def test_the_command_says_in_one_line_why_not(
    case: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, more = tmp_path / "target.mp4", []
    if case == "short":
        run("-i", str(SAMPLE / "target.mp4"), "-t", "3", "-c", "copy", "-an", str(video))
    elif case == "still":
        video = tmp_path / "still.png"
        run("-i", str(SAMPLE / "target.mp4"), "-frames:v", "1", str(video))
    elif case == "option":
        more = ["--mouth-size", "70"]
    elif case == "config":
        (tmp_path / "mouth.yaml").write_text("stepps: 3\n")
        more = ["--options", str(tmp_path / "mouth.yaml")]
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(SystemExit) as stopped:
        app.main(["train-mouth", "-v", str(video), "-o", str(tmp_path / "m.safetensors"), *more])
    assert stopped.value.code == 2
    line = capsys.readouterr().err.strip().lower()
    assert re.search(words, line), line
    assert len(line.splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_the_config_is_one_of_this_command() -> None:
    values = read_options(REPO / "configs" / "train" / "mouth_large.yaml", MouthOptions)
    assert MouthOptions.of(**values).learn.mouth_size == 192


def test_too_little_is_said_by_the_function_as_well(tmp_path: Path) -> None:
    still = tmp_path / "still.png"
    run("-i", str(SAMPLE / "target.mp4"), "-frames:v", "1", str(still))
    with pytest.raises(MouthError, match="does not move"):
        lipsync.train_mouth(still)


def test_no_better_than_the_median_is_a_warning() -> None:
    figures = HeldOutMetrics(0.02, 35.0, 0.95, 0.9)
    assert pipeline._warnings(figures, replace(figures, psnr=35.2)) == []
    assert (
        "no better than the median" in pipeline._warnings(figures, replace(figures, psnr=34.0))[0]
    )


@pytest.mark.real
@pytest.mark.slow
def test_held_out_footage_of_a_woman_is_drawn_better(shared: Path, tmp_path: Path) -> None:
    """One minute of footage, a ninth of the usual steps."""
    video = shared / "data" / "targets" / "grid_s4_60s.mp4"
    options = MouthOptions.of(steps=100, pairs=500)
    result = lipsync.train_mouth(video, tmp_path / "m.safetensors", options=options)
    # After so few steps, over what the person's appearance model drew: nearer, as like.
    assert result.psnr > result.psnr_before + 0.1
    assert result.ssim > result.ssim_before - 0.001
