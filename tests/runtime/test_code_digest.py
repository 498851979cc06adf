"""The key of a cached result follows the code that computes it, and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lipsync._version import __version__
from lipsync.runtime import code_digest as module
from lipsync.runtime.code_digest import digest_code, reached_modules

SOURCES = {
    "__init__": '"""A package of ours."""\n',
    "entry": (
        "from made_up import tools\n"
        "from made_up.shapes import area\n"
        "def compute(x):\n"
        "    from made_up.lazy import late\n"
        "    return tools.scale(area(x)) + late\n"
    ),
    "tools/__init__": (
        "from made_up.tools.scaling import scale\nfrom made_up.tools.printing import show\n"
    ),
    "tools/scaling": "FACTOR = 3\ndef scale(x):\n    return FACTOR * x\n",
    "tools/printing": "def show(x):\n    print(x)\n",
    "shapes": "def area(x):\n    return x * x\n",
    "lazy": "late = 1\n",
    "unrelated": "x = 1\n",
}
Digest = Callable[..., str]


@pytest.fixture
def digest_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Digest]:
    """`digest_with(name=source, …)`: the digest of `entry` with these files written anew."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "made_up", raising=False)

    def digest(changed: dict[str, str] | None = None, **alone: tuple[str, ...]) -> str:
        for name, source in {**SOURCES, **(changed or {})}.items():
            path = tmp_path / "made_up" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        _forget()
        return digest_code("made_up.entry", **alone)

    yield digest
    _forget()


def _forget() -> None:
    for cached in (module.digest_code, module._module, module._read, module._exports):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("entry", SOURCES["entry"].replace("+ late", "- late")),
        ("tools/scaling", SOURCES["tools/scaling"].replace("3", "4")),
        ("shapes", SOURCES["shapes"].replace("x * x", "x ** 2")),
        ("lazy", "late = 2\n"),
    ],
)
def test_code_that_takes_part_changes_the_digest(
    name: str, source: str, digest_with: Digest
) -> None:
    assert digest_with({name: source}) != digest_with()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("unrelated", "x = 2\n"),
        ("tools/printing", "def show(x):\n    print(x, x)\n"),
        ("tools/__init__", SOURCES["tools/__init__"] + "VERSION = 2\n"),
        ("shapes", "# Squares only.\n\n" + SOURCES["shapes"]),
        ("shapes", '"""Shapes."""\ndef area(x):\n    """Of a square."""\n    return (x *\n  x)\n'),
        ("lazy", 'late = 1\n"""What comes on top."""\n'),
    ],
)
def test_what_takes_no_part_leaves_it(name: str, source: str, digest_with: Digest) -> None:
    """Other modules, the rest of a package, comments, docstrings, layout."""
    assert digest_with({name: source}) == digest_with()


def test_a_package_passed_on_as_a_value_counts_with_all_its_init_imports(
    digest_with: Digest,
) -> None:
    passing = {"entry": "from made_up import tools\ndef compute(f):\n    return f(tools)\n"}
    more = {**passing, "tools/printing": "def show(x):\n    print(x, x)\n"}
    assert digest_with(passing) != digest_with(more)


def test_only_what_type_checkers_read_takes_no_part(digest_with: Digest) -> None:
    head = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up.lazy import late\n"
    )
    entry = {"entry": head}
    assert digest_with(entry) == digest_with({**entry, "lazy": "late = 2\n"})


def test_a_module_alone_counts_without_what_it_imports(digest_with: Digest) -> None:
    alone = ("made_up.unrelated",)
    importing = {"unrelated": "from made_up.other import y\n", "other": "y = 1\n"}
    before = digest_with(importing, alone=alone)
    assert before == digest_with({**importing, "other": "y = 2\n"}, alone=alone)
    assert before != digest_with({"unrelated": "x = 3\n"}, alone=alone)


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no module lipsync\.nowhere"):
        digest_code("lipsync.nowhere")


def test_without_source_files_the_version_stands_for_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _forget()
    monkeypatch.setattr(module, "_read", lambda *_: None)
    assert digest_code("lipsync.runtime.hashing") == f"version {__version__}"
    module.digest_code.cache_clear()


def test_our_own_results_depend_on_their_part_of_the_program() -> None:
    bank = reached_modules("lipsync.mouth.bank.mouth_bank")
    assert {"lipsync.face.appearance", "lipsync.face.similarity", "lipsync.media.pixels"} <= set(
        bank
    )
    folders = {name.split(".")[1] for name in bank}
    assert folders <= {"errors", "types", "runtime", "media", "face", "mouth"}
    assert len(bank) < 45  # hands and things before the face among them

    faces = reached_modules("lipsync.face.landmarks.frame_detection")
    assert {"lipsync.face.landmarks.small_faces", "lipsync.face.landmarks.mirrored"} <= set(faces)
    assert not {"lipsync.face.landmarks.clustering", "lipsync.media.writer"} & set(faces)


def test_it_is_quick() -> None:
    _forget()
    start = time.process_time()
    digest_code("lipsync.mouth.bank.mouth_bank")
    assert time.process_time() - start < 0.3  # 0.05 s where the processor is ours alone
