"""`doctor`: what is wrong is named, with what to do about it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from lipsync.cli.app import main
from lipsync.media import ffmpeg_binary
from lipsync.pipelines import doctor_checks
from lipsync.pipelines.doctor import STAGES, diagnose
from lipsync.report.health import Check


@pytest.fixture(autouse=True)
def _ffmpeg_is_looked_up_again():  # type: ignore[no-untyped-def]
    ffmpeg_binary.cache_clear()
    yield
    ffmpeg_binary.cache_clear()


def wrong(checks: list[Check]) -> dict[str, Check]:
    """Those that are not right, by name."""
    return {check.name: check for check in checks if not check.right}


def test_a_sound_machine_has_nothing_to_do() -> None:
    checks = doctor_checks.run_checks("cpu")
    assert not wrong([check for check in checks if not check.name.startswith("disk")])
    named = {check.name for check in checks}
    assert named >= {"ffmpeg", "encoders", "torch", "weights", "threads", "cache", "C2PA signing"}
    encoders = next(check.found for check in checks if check.name == "encoders")
    assert "libx264" in encoders


def test_no_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIPSYNC_FFMPEG", str(tmp_path / "none"))
    found = wrong(list(doctor_checks.check_ffmpeg()))
    assert "LIPSYNC_FFMPEG" in str(found["ffmpeg"].remedy)


def test_an_ffmpeg_that_lists_what_it_cannot_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As ffmpeg lists NVENC on machines without such a GPU."""
    listed = "".join(f" V....D {name} x\\n" for name in (*doctor_checks.NEEDED, "h264_nvenc"))
    script = tmp_path / "ffmpeg"
    script.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        '*-version*) echo "ffmpeg version 7.1 built";;\n'
        f'*-encoders*) printf "{listed}";;\n'
        "*nvenc*|*x265*) exit 1;;\n"
        "esac\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("LIPSYNC_FFMPEG", str(script))
    program, encoders = doctor_checks.check_ffmpeg()
    assert program.found.startswith("7.1, ")
    assert encoders.found == "libx264, libvpx-vp9, aac, libopus"
    assert "missing: libx265 (HDR and 10-bit targets)" in str(encoders.remedy)


def test_weights_that_are_damaged_or_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = doctor_checks.asset_path
    bad = tmp_path / "bad"
    bad.write_bytes(b"\0" * 100)

    def moved(name: str) -> Path:
        if name == "phones.safetensors":
            return bad
        return real("nothing" if name == "lip_lstm.safetensors" else name)

    monkeypatch.setattr(doctor_checks, "asset_path", moved)
    (check,) = doctor_checks.check_weights()
    assert check.found == "lip_lstm.safetensors is missing, phones.safetensors is damaged"
    assert "pip install" in str(check.remedy)


def test_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/dev/null/config")
    found = wrong([*doctor_checks.check_cache(), *doctor_checks.check_signing()])
    assert "XDG_CACHE_HOME" in str(found["cache"].remedy)
    assert "XDG_CONFIG_HOME" in str(found["C2PA signing"].remedy)


def test_a_damaged_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (check,) = doctor_checks.check_signing()
    assert check.right
    assert not list(tmp_path.iterdir())  # none is made
    (tmp_path / "lipsync").mkdir()
    (tmp_path / "lipsync" / "signing.pem").write_text("damaged")
    (check,) = doctor_checks.check_signing()
    assert "delete" in str(check.remedy)


def test_a_device_that_is_not_there() -> None:
    (check,) = doctor_checks.check_devices("cuda:63")
    assert "--device cuda:63 does not work" in str(check.remedy)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "free_bytes", lambda folder: 10**6)
    found = wrong(list(doctor_checks.check_disks()))
    assert set(found) == {"temporary files", "disk of the cache", "disk of this folder"}


def test_a_check_that_fails_itself_is_a_finding() -> None:
    def check_moon():  # type: ignore[no-untyped-def]
        yield Check("one", "fine")
        raise RuntimeError("no moon")

    one, moon = doctor_checks._safely(check_moon)
    assert one.right
    assert (moon.name, moon.found, moon.right) == ("moon", "RuntimeError: no moon", False)


def test_exit_codes_and_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor_checks, "LEAST_DISK", 0)
    main(["doctor", "--no-timing"])
    assert capsys.readouterr().out.endswith("all is right\n")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/cache")
    with pytest.raises(SystemExit) as stopped:
        main(["doctor", "--no-timing", "--json"])
    assert stopped.value.code == 1
    result = json.loads(capsys.readouterr().out)
    assert result["right"] is False
    assert [check["name"] for check in result["checks"] if check["remedy"]] == ["cache"]


@pytest.mark.slow
def test_every_stage_is_timed_on_the_sample() -> None:
    result = diagnose()
    assert [speed.stage for speed in result.speeds] == list(STAGES)
    assert all(speed.seconds > 0 for speed in result.speeds)
    assert result.real_time["landmarks"] == round(result.speeds[0].factor, 2)
