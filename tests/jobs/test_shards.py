"""Shards: planned once, made anywhere, joined to what one process makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import lipsync
from lipsync.errors import OptionsError, OutputError, PlanError
from lipsync.jobs.shards import join_shards, make_shard, parse_shard, plan_shards, share_parts
from lipsync.media import parts as parts_module
from lipsync.media.parts import split_frames
from lipsync.options import RenderOptions
from lipsync.runtime import frozen

SAMPLE = Path(lipsync.__file__).parents[1] / "assets" / "sample"
SPEECH, TARGET = SAMPLE / "speech.wav", SAMPLE / "target.mp4"
PLAIN = RenderOptions.of(content_credentials=False, adapt="never", workers=1)
SHORT_S = 0.6  # seconds of a part


@pytest.fixture(scope="module", autouse=True)
def short_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts_module, "PART_S", SHORT_S)
        yield


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> lipsync.RenderResult:
    """What one process makes at once."""
    place = tmp_path_factory.mktemp("whole") / "out.mp4"
    return lipsync.render(SPEECH, TARGET, place, options=PLAIN)


@pytest.fixture(scope="module")
def planned(
    rendered: lipsync.RenderResult, tmp_path_factory: pytest.TempPathFactory
) -> lipsync.PlanResult:
    place = tmp_path_factory.mktemp("planned")
    return plan_shards(SPEECH, TARGET, place / "out.mp4", folder=place / "plan", options=PLAIN)


@pytest.fixture
def folder(planned: lipsync.PlanResult, tmp_path: Path) -> Path:
    """A copy of the plan that nothing else uses."""
    return Path(shutil.copytree(planned.plan, tmp_path / "plan"))


def _packets(path: Path) -> list[tuple[str, bytes, int | None]]:
    """Every packet of picture and sound with its time."""
    with av.open(str(path)) as file:
        return [(p.stream.type, bytes(p), p.pts) for p in file.demux() if p.dts is not None]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shards_give_what_one_process_gives(
    rendered: lipsync.RenderResult, folder: Path, tmp_path: Path, count: int
) -> None:
    made = [make_shard(folder, (i, count)) for i in range(count, 0, -1)]
    total = len(split_frames(rendered.frames, rendered.fps))
    assert sum(one.made for one in made) == total and total >= 4
    joined = join_shards(folder, tmp_path / "joined.mp4")
    assert _packets(joined.output) == _packets(rendered.output)
    for name in (
        "frames", "fps", "duration", "changed_frames", "frames_without_face", "coverage",
        "adaptation", "timing", "warnings", "marks",
    ):  # fmt: skip
        assert getattr(joined, name) == getattr(rendered, name), name
    assert (
        lipsync.verify_marks(joined.output).record == lipsync.verify_marks(rendered.output).record
    )
    told = [json.loads(one.sidecar.read_text()) for one in (joined, rendered) if one.sidecar]
    for one in told:
        assert one.pop("created") and one.pop("output")
    assert told[0] == told[1]


def test_a_plan_runs_no_network_in_its_shards(folder: Path, tmp_path: Path) -> None:
    """In a process of its own: neither torch nor mediapipe is loaded, and no cache is used."""
    code = (
        "import sys; from lipsync.media import parts; parts.PART_S = float(sys.argv[2]); "
        "from lipsync.jobs.shards import make_shard; "
        "made = make_shard(sys.argv[1], (1, 1), workers=1); "
        "print(made.made, [m for m in ('mediapipe',) if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(SHORT_S)],
        capture_output=True, text=True, check=True, cwd=Path(lipsync.__file__).parents[1],
        env={"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin"}, timeout=300,
    )  # fmt: skip
    assert run.stdout.split(None, 1)[1].strip() == "[]"
    assert not (tmp_path / "cache").exists()


def test_a_plan_does_not_depend_on_the_cores_of_a_machine(tmp_path: Path) -> None:
    """Its arrays are equal bit for bit where libraries may use one thread or three."""
    code = (
        "import sys; from lipsync.jobs.shards import plan_shards; "
        "plan_shards(*sys.argv[1:4], folder=sys.argv[4], options={'adapt': 'never', "
        "'content_credentials': False})"
    )
    found = []
    for threads in ("1", "3"):
        place, cache = tmp_path / threads, tmp_path / f"cache{threads}"
        given = [str(SPEECH), str(TARGET), str(tmp_path / "out.mp4"), str(place)]
        subprocess.run(
            [sys.executable, "-c", code, *given], check=True, timeout=300,
            cwd=Path(lipsync.__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": threads, "XDG_CACHE_HOME": str(cache)},
        )  # fmt: skip
        told = json.loads((place / "recipe" / frozen.VALUES).read_text())
        found.append((told["sha256"], told["arrays"]))
    assert found[0] == found[1]


def test_what_is_finished_is_not_made_again(folder: Path) -> None:
    first, again = make_shard(folder, (1, 3)), make_shard(folder, (1, 3))
    assert (again.made, again.kept) == (0, first.made)
    whole = make_shard(folder, (1, 1))
    assert whole.kept == first.made


def test_missing_and_damaged_parts_are_named(folder: Path, tmp_path: Path) -> None:
    make_shard(folder, (1, 2))
    with pytest.raises(PlanError, match=r"parts missing or damaged \(frames .*lipsync shard"):
        join_shards(folder, tmp_path / "out.mp4")
    make_shard(folder, (2, 2))
    part = sorted((folder / "parts").glob("0*.mp4"))[1]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(PlanError, match="1 part missing or damaged"):
        join_shards(folder, tmp_path / "out.mp4")
    assert make_shard(folder, (1, 1)).made == 1
    assert join_shards(folder, tmp_path / "out.mp4").output.is_file()


def test_a_damaged_plan_is_told(folder: Path) -> None:
    place = folder / "recipe" / frozen.ARRAYS
    data = bytearray(place.read_bytes())
    data[len(data) // 3] ^= 1
    place.write_bytes(data)
    with pytest.raises(PlanError, match=r"arrays\.bin: is damaged; plan it again"):
        make_shard(folder, (1, 1))
    (folder / "plan.json").write_text("{")
    with pytest.raises(PlanError, match="is damaged; plan it again"):
        make_shard(folder, (1, 1))
    with pytest.raises(PlanError, match="is no plan"):
        make_shard(folder.parent, (1, 1))


def test_another_version_is_refused(folder: Path) -> None:
    head = json.loads((folder / "plan.json").read_text())
    for change, told in (({"version": "9.9"}, "version 9.9"), ({"program": "x"}, "another state")):
        (folder / "plan.json").write_text(json.dumps({**head, **change}))
        with pytest.raises(PlanError, match=f"planned by {told} of lipsync"):
            make_shard(folder, (1, 1))


def test_inputs_that_changed_are_told(tmp_path: Path) -> None:
    speech, target = (Path(shutil.copy(one, tmp_path)) for one in (SPEECH, TARGET))
    plan_shards(speech, target, folder=tmp_path / "plan", options=PLAIN)
    make_shard(tmp_path / "plan", (1, 1))
    speech.write_bytes(speech.read_bytes() + b"\0")
    with pytest.raises(PlanError, match=r"speech\.wav: was changed"):
        join_shards(tmp_path / "plan")
    target.write_bytes(target.read_bytes() + b"\0")
    with pytest.raises(PlanError, match=r"target\.mp4: was changed"):
        make_shard(tmp_path / "plan", (1, 1))
    target.unlink()
    with pytest.raises(PlanError, match="needs it where it was"):
        make_shard(tmp_path / "plan", (1, 1))


def test_what_cannot_be_shared_is_refused_before_any_work(tmp_path: Path) -> None:
    place = tmp_path / "plan"
    for output, options, error in (
        ("-", {}, OutputError), (f"{tmp_path}/frames/", {}, OutputError),
        (tmp_path / "o.mp4", {"label": True}, OptionsError),
        (tmp_path / "o.mp4", {"texture": "decoder", "mouth_model": "m"}, OptionsError),
    ):  # fmt: skip
        with pytest.raises(error):
            plan_shards(SPEECH, TARGET, output, folder=place, options=options)
    assert not list(tmp_path.iterdir())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="something else than a plan"):
        plan_shards(SPEECH, TARGET, folder=tmp_path / "mine", overwrite=True)


def test_an_output_of_another_format_is_refused(folder: Path, tmp_path: Path) -> None:
    make_shard(folder, (1, 1))
    with pytest.raises(OutputError, match=r"in \.mp4; keep that"):
        join_shards(folder, tmp_path / "out.webm")
    (tmp_path / "out.mp4").touch()
    with pytest.raises(OutputError, match="exists already"):
        join_shards(folder, tmp_path / "out.mp4")


def test_shards_share_all_parts_evenly() -> None:
    parts = [range(k, k + 1) for k in range(17)]
    for count in (1, 2, 7, 17, 40):
        shares = [share_parts(parts, (i, count)) for i in range(1, count + 1)]
        assert [part for share in shares for part in share] == parts
        assert np.ptp([len(share) for share in shares]) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/2", "1/", "-1/2", "1/2/3"])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(OptionsError, match="wanted I/N"):
        parse_shard(text)
