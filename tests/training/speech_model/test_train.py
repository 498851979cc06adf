"""Runs: they learn, resume, stop safely, and share their work among processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lipsync.errors import MediaError, OptionsError, WeightsError
from lipsync.learning import run_state
from lipsync.learning.lip_losses import LOWER, UPPER, variances
from lipsync.speech.features import vtln
from lipsync.speech.lip_model import LipDims, LipLSTM
from tests.support.talkers import speaker
from training import metrics
from training.corpus import dataset
from training.parallel.distributed import ProcessGroup
from training.speech_model import augment, batches, options, train
from training.speech_model.trainer import SpeechModelTrainer

REPO = Path(__file__).resolve().parents[3]
CONFIGS = REPO / "configs" / "train"
ALONE = ProcessGroup(0, 1, torch.device("cpu"))


def tiny(name: str, **changes: object) -> dict[str, object]:
    return {
        "name": name, "description": "test", "features": {"kind": "logmel", "per_clip": True},
        "hidden": 16, "layers": 1, "bidirectional": True, "delay": 0, "stride": 2,
        "dropout": 0.1, "crop_steps": [120, 160], "batch": 3, "epochs": 4, "components": 3,
        "learning_rate": 0.02, "clip_gradient": 1, "anneal": True, "speakers": ["someone"],
        "losses": {"opening": 1},
        "augmentation": {"voices": 2, "tempo": 1.1, "noise": 0.5, "noise_db": 20},
        **changes,
    }  # fmt: skip


def command(tmp_path: Path, config: dict[str, object], *more: str) -> list[str]:
    path = tmp_path / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config))
    return [str(path), "--data", str(tmp_path), "--out", str(tmp_path / "runs"), *more]


def run(tmp_path: Path, config: dict[str, object], *more: str) -> Path:
    train.main(command(tmp_path, config, *more))
    return tmp_path / "runs" / str(config["name"])


def gathered(people: list[dataset.Speaker], **changes: object) -> batches.TrainingSet:
    config = options.parse_options(tiny("x", augmentation={}, **changes), "test")
    return batches.build_training_set(people, config)


def equal(a: Path, b: Path) -> bool:
    one, other = (LipLSTM.load(path).state_dict() for path in (a, b))
    return all(torch.equal(one[name], other[name]) for name in one)


# --- learning --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [{}, {"precision": "bfloat16"}, {"precision": "float16"}, {"ema": 0.9}, {"members": 2}],
    ids=str,
)
def test_a_run_learns_and_its_weights_say_where_they_come_from(
    tmp_path: Path, how: dict[str, object]
) -> None:
    made = speaker(21)
    dataset.save(tmp_path / "someone.npz", made)
    folder = run(tmp_path, tiny("learns", epochs=20, **how))
    model = LipLSTM.load(folder / "learns.safetensors")
    assert model.meta["training_data"] == ["someone"]
    saved = yaml.safe_load((folder / "options.yaml").read_text())
    assert saved.items() >= {"epochs": 20, **how}.items()
    clips = dataset.split(made.clips)[1]
    predicted = metrics.network_predictor(model)(made, clips)
    assert metrics.lip_metrics([c.lips for c in clips], predicted).r_open > 0.8


def test_reduced_precision_is_in_force(tmp_path: Path) -> None:
    dataset.save(tmp_path / "someone.npz", speaker(4))
    full = run(tmp_path, tiny("full", epochs=1, anneal=False))
    half = run(tmp_path, tiny("half", epochs=1, anneal=False), "--precision", "bfloat16")
    a, b = (
        torch.load(folder / "state.pt", weights_only=True)["model"]["members.0.head.weight"]
        for folder in (full, half)
    )
    assert a.dtype == b.dtype == torch.float32
    assert 0 < float((a - b).abs().max()) < 0.05
    assert torch.backends.mkldnn.enabled  # was only off inside


def test_the_mean_of_the_weights_follows_them() -> None:
    data = gathered([speaker(4)])
    config = options.parse_options(tiny("x", augmentation={}, ema=0.5), "test")
    trainer = SpeechModelTrainer(train.build(config, data), config, ALONE, data.scales(2))
    rng, expected = np.random.default_rng(0), torch.empty(0)
    for step in range(5):
        for batch in batches.epoch_batches(data, config, trainer.model.dims, rng, ALONE):
            trainer.train_step(batch, 0.5)
        now = trainer.model.members[0].head.bias.detach().clone()
        keep = min(0.5, (1 + step) / (10 + step))
        expected = now if step == 0 else keep * expected + (1 - keep) * now
    mean = trainer.result.members[0].head.bias.detach()
    torch.testing.assert_close(mean, expected)
    assert not torch.equal(mean, now)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    dataset.save(tmp_path / "someone.npz", speaker(4))
    with pytest.raises(SystemExit, match="epoch 1: the loss is nan; take a lower learning_rate"):
        run(tmp_path, tiny("wild", learning_rate=1e30, anneal=False, epochs=2, batch=1))
    assert not (tmp_path / "runs" / "wild" / "state.pt").exists()


# --- stopping and resuming -------------------------------------------------------------------


@pytest.fixture
def _own_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    # Tests that were started in the background ignore interrupts.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("_own_handler")
@pytest.mark.parametrize(
    ("sent", "how"),
    [(signal.SIGINT, {}), (signal.SIGTERM, {"ema": 0.9, "precision": "float16"})],
    ids=["SIGINT", "SIGTERM, ema, float16"],
)
def test_a_stopped_run_says_so_in_one_line_and_resumes_to_the_same_end(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sent: signal.Signals,
    how: dict[str, object],
) -> None:
    dataset.save(tmp_path / "someone.npz", speaker(8))
    whole = run(tmp_path, tiny("whole", **how))
    learn, steps = SpeechModelTrainer.train_step, []

    def interrupted(
        self: SpeechModelTrainer, batch: batches.Batch, progress: float
    ) -> torch.Tensor:
        steps.append(progress)
        if len(steps) == 6:  # the second of two steps in the third epoch
            os.kill(os.getpid(), sent)
        return learn(self, batch, progress)

    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(SpeechModelTrainer, "train_step", interrupted)
        run(tmp_path, tiny("parts", **how))
    assert stop.value.code == 130
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "stopped after epoch 2 of 4; --resume goes on from there"
    assert [line.split()[1] for line in said if line.startswith("epoch")] == ["1/4", "2/4"]
    folder = tmp_path / "runs" / "parts"
    assert {path.name for path in folder.iterdir()} == {"options.yaml", "state.pt"}
    run(tmp_path, tiny("parts", **how), "--resume")
    assert equal(whole / "whole.safetensors", folder / "parts.safetensors")


def test_a_state_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    config = options.parse_options(tiny("x"), "test")
    run_state.save_state(tmp_path / "state.pt", {"epoch": 1}, config)

    def broken(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch, "save", broken)
        run_state.save_state(tmp_path / "state.pt", {"epoch": 2}, config)
    state = run_state.load_state(tmp_path / "state.pt", config)
    assert state is not None
    assert state["epoch"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
    assert run_state.load_state(tmp_path / "none.pt", config) is None


def test_a_state_of_another_run_or_a_damaged_one_is_one_line(tmp_path: Path) -> None:
    config = options.parse_options(tiny("x"), "test")
    path = tmp_path / "state.pt"
    run_state.save_state(path, {"epoch": 1}, config)
    longer = options.parse_options(tiny("x", epochs=9, precision="bfloat16"), "test")
    assert run_state.load_state(path, longer) is not None
    wider = options.parse_options(tiny("x", hidden=17), "test")
    with pytest.raises(OptionsError, match="hidden was 16, is 17; resume with the options"):
        run_state.load_state(path, wider)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match=r"state\.pt: damaged"):
        run_state.load_state(path, config)


# --- data ------------------------------------------------------------------------------------


def test_speakers_on_the_command_line_replace_the_configs(tmp_path: Path) -> None:
    dataset.save(tmp_path / "hana.npz", speaker(4))
    dataset.save(tmp_path / "ben.npz", speaker(5, name="ben", fps=Fraction(30000, 1001)))
    folder = run(tmp_path, tiny("own", epochs=1), "--speakers", "hana", "ben")
    model = LipLSTM.load(folder / "own.safetensors")
    assert model.meta["training_data"] == ["hana", "ben"]
    assert model.meta["command"].endswith("configs/train/own.yaml --speakers hana ben")
    with pytest.raises(SystemExit, match=r"error: .*nobody\.npz is missing: run python -m"):
        run(tmp_path, tiny("none"), "--speakers", "nobody")


def test_clips_of_any_frame_rate_and_length_keep_sound_and_lips_together() -> None:
    rates = [Fraction(25), Fraction(50), Fraction(30000, 1001), Fraction(24)]
    lengths = [1.3, 4.0, 2.0, 9.5]
    people = [
        speaker(2, seconds, str(fps), fps) for fps, seconds in zip(rates, lengths, strict=True)
    ]
    data = gathered(people)  # the second clip of each
    assert data.frames.tolist() == [33, 200, 60, 228]
    # Crops longer than any clip: every row starts at its clip's beginning.
    config = options.parse_options(tiny("x", augmentation={}, crop_steps=[1000]), "test")
    dims = LipDims(40, 16, 1, True, 3, delay=0, stride=2)
    rng = np.random.default_rng(0)
    values, wanted = batches.draw_batch(data, torch.arange(len(data)), dims, config, rng)
    for row, person in enumerate(people):
        seconds = 0.0125 + (np.arange(500) * 2 + 0.5) * 0.01  # of the outputs
        within = seconds < lengths[row] - 0.1
        clip = person.clips[1]
        known = np.arange(len(clip.lips)) / float(clip.lips.rate)
        true = np.interp(seconds, known, clip.lips.points[:, 16, 1] - clip.lips.points[:, 13, 1])
        gap = 0.6 * (wanted[row, :, LOWER] - wanted[row, :, UPPER]).numpy()
        np.testing.assert_allclose(gap[within], true[within], atol=1e-4)
        loud = values[row].mean(1).numpy()[::2]
        assert np.corrcoef(loud[within], gap[within])[0, 1] > 0.6, person.name


def test_lips_can_be_learned_earlier_than_their_sound() -> None:
    data = gathered([speaker(3, 4.0)])
    dims, first = LipDims(40, 16, 1, True, 3, delay=0, stride=2), torch.arange(1)

    def gap(early_ms: float) -> torch.Tensor:
        changes = {"augmentation": {"early_ms": early_ms}, "crop_steps": [1000]}
        config = options.parse_options(tiny("x", **changes), "test")
        wanted = batches.draw_batch(data, first, dims, config, np.random.default_rng(0))[1]
        return wanted[0, :, LOWER] - wanted[0, :, UPPER]

    # An output is 20 ms: what is due 40 ms early is what is due two outputs later.
    np.testing.assert_allclose(gap(40)[:150], gap(0)[2:152], atol=1e-5)


def test_a_mask_hides_stretches_of_bands_and_of_time_and_nothing_else() -> None:
    data = gathered([speaker(3, 4.0), speaker(4, 4.0, "other")])
    dims, both = LipDims(40, 16, 1, True, 3, delay=0, stride=2), torch.arange(2)

    def values(masks: int) -> torch.Tensor:
        config = options.parse_options(tiny("x", augmentation={"masks": masks}), "test")
        return batches.draw_batch(data, both, dims, config, np.random.default_rng(1))[0]

    bare, hidden = values(0), values(2)
    changed = bare != hidden
    assert 0 < changed.float().mean() < 0.75
    assert torch.equal(hidden[changed], data.mean.expand_as(hidden)[changed])
    for row in changed:
        bands, steps = row.all(0), row.all(1)
        assert torch.equal(row, bands[None] | steps[:, None])
        assert bands.sum() <= 2 * augment.MASK_BANDS
        assert steps.sum() <= 2 * augment.MASK_STEPS


def test_disguises_are_drawn_about_the_usual_throat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vtln, "estimate_stretch", lambda samples: 0.85)

    def voices(**spec: bool) -> torch.Tensor:
        kind = {"kind": "logmel", "per_clip": True, **spec}
        config = options.parse_options(tiny("x", features=kind, augmentation={"voices": 1}), "test")
        return batches.build_training_set([speaker(3)], config).values.float()

    plain, alike = voices(), voices(throat=True)
    for own, disguised in (plain, alike):
        # Nothing is asked of the disguise: it is the recorded voice, both times.
        assert (disguised - own).abs().mean() < 0.02
    assert (plain - alike).abs().mean() > 0.1


def test_padding_does_not_count() -> None:
    short, long = speaker(6, 1.0, "short"), speaker(6, 9.0, "long")
    data = gathered([short, long])
    lips = [p.relative_shapes(c.lips) for p in (short, long) for c in dataset.split(p.clips)[0]]
    torch.testing.assert_close(data.shapes(), torch.from_numpy(np.concatenate(lips)))
    found, alone = data.scales(4), gathered([long]).scales(4)
    few = gathered([short]).scales(4)
    for name in ("shape", "opening", "velocity"):
        value = found[name]
        assert min(few[name], alone[name]) * 0.9 < value < max(few[name], alone[name]) * 1.1, name
    held = variances(data.lips)  # at the frame rate: nine tenths of the short clips stand still
    assert held["velocity"] < 0.7 * variances(data.lips, _within(data))["velocity"]


def _within(data: batches.TrainingSet) -> torch.Tensor:
    return torch.arange(data.lips.shape[1]) < data.frames[:, None]


def test_minutes_take_clips_from_everywhere() -> None:
    people = [speaker(41, 1.0)]
    assert len(gathered(people)) == 36
    some = gathered(people, minutes=0.15)
    assert len(some) == 9
    of_all = gathered(people).lips
    places = [next(i for i in range(36) if torch.equal(of_all[i], lips)) for lips in some.lips]
    assert places == list(range(3, 36, 4))
    assert len(gathered(people, minutes=99)) == 36


def test_no_clip_to_train_on_is_one_line() -> None:
    with pytest.raises(MediaError, match=r"^someone: nothing left to train on.*minutes: 0\.001\)$"):
        gathered([speaker(9)], minutes=0.001)
    one = speaker(1)
    names = (f"take{i}" for i in range(999))
    judges = (dataset.Clip(name, one.clips[0].wave, one.clips[0].lips) for name in names)
    kept = next(clip for clip in judges if dataset.split((clip,))[1])
    with pytest.raises(MediaError, match="someone: nothing left to train on; every 10th clip"):
        gathered([dataset.Speaker("someone", one.profile, (kept,))])


def test_the_papers_features_cannot_be_disguised(tmp_path: Path) -> None:
    dataset.save(tmp_path / "someone.npz", speaker(3))
    with pytest.raises(SystemExit, match=r"augmentation\.voices"):
        run(tmp_path, tiny("paper", features={"kind": "paper28"}))


# --- configs ---------------------------------------------------------------------------------


def test_a_dry_run_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(tmp_path, tiny("dry"), "--dry-run", "--precision", "float16")
    printed = yaml.safe_load(capsys.readouterr().out)
    assert (printed["hidden"], printed["precision"]) == (16, "float16")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hiden": 1}, "hiden"),
        ({"epochs": "many"}, "epochs"),
        ({"batch": 0}, "batch"),
        ({"precision": "float8"}, "precision"),
        ({"ema": 1.0}, "ema"),
        ({"minutes": 0}, "minutes"),
        ({"speakers": []}, "speakers"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"features": {"kind": "mfcc"}}, "features"),
        ({"crop_steps": [20], "delay": 20}, "crop_steps: 20 steps leave no two outputs"),
    ],
)
def test_a_config_that_does_not_fit_names_the_key(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(tiny("x", **change)))
    with pytest.raises(OptionsError, match=rf"config\.yaml: {message}") as found:
        options.read_config(path)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"a: [", b"\xff\xfe\x00"])
def test_what_is_no_config_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"^error: .*config\.yaml: [^\n]+$"):
        train.main([str(path)])
    with pytest.raises(SystemExit, match="no such config"):
        train.main([str(tmp_path / "absent.yaml")])


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("lip_lstm*.yaml")), ids=lambda p: p.stem)
def test_committed_configs_are_valid_and_named_like_their_weights(path: Path) -> None:
    assert options.read_config(path).name == path.stem


# --- devices and processes -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cuda:99", "abacus", "meta"])
def test_a_device_that_is_not_there_is_one_line(tmp_path: Path, name: str) -> None:
    dataset.save(tmp_path / "someone.npz", speaker(4))
    with pytest.raises(SystemExit, match=rf"^error: --device {name}: [^\n]+$"):
        run(tmp_path, tiny("where"), "--device", name)


@pytest.mark.parametrize(
    ("members", "first_has", "second_has"), [(1, [0, 2, 4], [1, 3]), (2, [0, 1, 4], [2, 3])]
)
def test_the_rows_of_all_processes_are_those_of_one(
    members: int, first_has: list[int], second_has: list[int]
) -> None:
    """Row i belongs to member i % members, in every process as in one."""
    data = gathered([speaker(9)])
    config = options.parse_options(tiny("x", batch=5, members=members), "test")
    dims = LipDims(40, 16, 1, True, 3, delay=0, stride=2, members=members)

    def rows(rank: int, count: int) -> list[batches.Batch]:
        group = ProcessGroup(rank, count, torch.device("cpu"))
        return list(batches.epoch_batches(data, config, dims, np.random.default_rng(5), group))

    for one, first, second in zip(rows(0, 1), rows(0, 2), rows(1, 2), strict=True):
        assert (one.share, first.share, second.share) == (1, 6 / 5, 4 / 5)
        for name in ("values", "wanted"):
            whole = getattr(one, name)
            assert torch.equal(whole[first_has], getattr(first, name))
            assert torch.equal(whole[second_has], getattr(second, name))
    for has in (first_has, second_has):
        assert [i % members for i in range(len(has))] == [i % members for i in has]
    with pytest.raises(OptionsError, match=rf"6 processes with {members} members each need"):
        rows(0, 6)


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Two processes on this machine, which talk over its loopback."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *start, *arguments], cwd=REPO, capture_output=True, text=True, timeout=300,
        # A script elsewhere finds the repository's packages by the path alone.
        env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo",
             "PYTHONPATH": str(REPO)},
    )  # fmt: skip


GO_ON = """
import sys
from pathlib import Path
import torch
from training.corpus import dataset
from training.parallel import distributed
from training.speech_model import options, train
config, data, out = map(Path, sys.argv[1:])
with distributed.join_processes("cpu") as group:
    chosen = options.read_config(config, epochs=4)
    people = [dataset.load(data, name) for name in chosen.speakers]
    model = train.fit(chosen, people, out / "two", resume=True, group=group)
    torch.save(model.state_dict(), out / f"rank{group.rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    """Of five rows one process makes three, which have to weigh more than the other's two."""
    dataset.save(tmp_path / "someone.npz", speaker(12))
    same = {"dropout": 0.0, "anneal": False, "ema": 0.5, "batch": 5, "members": 2}
    folder = run(tmp_path, tiny("one", epochs=4, **same))
    one = torch.load(folder / "state.pt", weights_only=True)

    arguments = command(tmp_path, tiny("two", epochs=2, **same))
    half_way = torchrun("-m", "training.speech_model.train", *arguments)
    assert half_way.returncode == 0, half_way.stderr
    assert half_way.stderr.count("epoch 2/2") == 1
    assert half_way.stdout.count("name: two") == 1
    script, runs = tmp_path / "go_on.py", tmp_path / "runs"
    script.write_text(GO_ON)
    rest = torchrun(str(script), arguments[0], str(tmp_path), str(runs))
    assert rest.returncode == 0, rest.stderr
    assert [line.split()[1] for line in rest.stderr.splitlines() if line.startswith("epoch")] == [
        "3/4", "4/4"
    ]  # fmt: skip

    ranks_end = [torch.load(runs / f"rank{i}.pt", weights_only=True) for i in (0, 1)]
    two = torch.load(runs / "two" / "state.pt", weights_only=True)
    assert len(two["dropout_rng"]) == 2
    for name, value in one["model"].items():
        torch.testing.assert_close(two["model"][name], value, rtol=0, atol=1e-4)
        mean = one["mean"][f"module.{name}"]
        assert torch.equal(ranks_end[0][name], ranks_end[1][name])
        torch.testing.assert_close(ranks_end[0][name], mean, rtol=0, atol=1e-4)
    moved = one["model"]["members.0.head.weight"] - _start(tmp_path, same)["members.0.head.weight"]
    assert float(moved.abs().max()) > 0.02  # two hundred times the tolerance


def _start(tmp_path: Path, same: dict[str, object]) -> dict[str, torch.Tensor]:
    config = options.parse_options(tiny("start", **same), "test")
    data = batches.build_training_set([dataset.load(tmp_path, "someone")], config)
    torch.manual_seed(config.seed)
    return train.build(config, data).state_dict()


def test_only_the_first_process_of_a_machine_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, tiny("x"))
    assert stop.value.code == 1
    assert capsys.readouterr() == ("", "")


def test_what_the_first_process_cannot_read_is_everybodys_error() -> None:
    def broken() -> int:
        raise WeightsError("state.pt: damaged")

    with pytest.raises(WeightsError):
        ALONE.from_main(broken)
    assert ALONE.gather(3) == [3]
    assert ALONE.mean(torch.tensor(2.0)) == 2.0
