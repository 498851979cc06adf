"""The import graph is the design: a folder imports only what lies below it; no circles of files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lipsync

REPO = Path(__file__).resolve().parents[1]
# The law: a folder may import itself and what it names here, nothing else.
GROUND = ("errors", "_version", "types")
MAY_IMPORT = {
    "errors": (),
    "_version": (),
    "types": ("errors",),
    "runtime": GROUND,
    "media": (*GROUND, "runtime"),
    "speech": (*GROUND, "runtime", "media"),
    "face": (*GROUND, "runtime", "media"),
    "dialogue": (*GROUND, "runtime", "media", "speech"),
    "retime": (*GROUND, "runtime", "media", "face"),
    "mouth": (*GROUND, "runtime", "media", "speech", "face"),
    "faceswap": (*GROUND, "runtime", "media", "face"),
    "learning": (*GROUND, "runtime", "media", "speech", "face", "mouth"),
    "marks": (*GROUND, "runtime", "media", "face"),
    "inspection": (*GROUND, "runtime", "media", "speech", "face", "mouth", "marks"),
    "report": (*GROUND, "runtime", "media", "face", "mouth", "marks", "inspection"),
    "options": (
        *GROUND, "runtime", "media", "speech", "face", "dialogue", "retime", "mouth", "faceswap",
        "learning", "marks",
    ),
    "pipelines": (
        *GROUND, "runtime", "media", "speech", "face", "dialogue", "retime", "mouth", "faceswap",
        "learning", "marks", "inspection", "report", "options",
    ),
    "live": (
        *GROUND, "runtime", "media", "speech", "face", "dialogue", "retime", "mouth", "marks",
        "report", "options", "pipelines",
    ),
    "jobs": (
        *GROUND, "runtime", "media", "face", "dialogue", "marks", "report", "options", "pipelines",
        "live",
    ),
    "web": (
        *GROUND, "runtime", "dialogue", "options", "pipelines", "live", "jobs",
    ),
    "cli": (
        *GROUND, "runtime", "media", "dialogue", "marks", "inspection", "report", "options",
        "pipelines", "jobs", "web",
    ),
    "comfyui": (*GROUND, "options", "pipelines"),
    "__main__": ("cli",),
    "": (
        "errors", "_version", "types", "dialogue", "report", "options", "pipelines", "jobs", "live",
    ),
}  # fmt: skip
TRAINING_MAY_IMPORT = {
    "parallel": (),
    "corpus": ("parallel",),
    "metrics": ("corpus",),
    "speech_model": ("parallel", "corpus", "metrics"),
    "face_autoencoder": ("parallel", "speech_model"),
    "export": ("corpus",),
    "inspection": ("parallel", "corpus", "metrics", "export", "speech_model"),
    "evaluation": ("parallel", "corpus", "metrics", "speech_model", "export"),
}
HEAVY = ("torch", "mediapipe", "librosa", "cv2", "scipy", "av", "face_alignment")


def _modules(top: str) -> dict[str, Path]:
    """Every module of a package by its full name; a package's own is that of its `__init__`."""
    found = {}
    for path in sorted((REPO / top).rglob("*.py")):
        parts = path.relative_to(REPO).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


LIPSYNC, TRAINING = _modules("lipsync"), _modules("training")
MODULES = {**LIPSYNC, **TRAINING}


def _imports(path: Path) -> set[str]:
    """Absolute names of everything a file imports, anywhere in it but under TYPE_CHECKING."""
    return set(_imported(ast.parse(path.read_text()), path))


def _imported(node: ast.AST, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"{path}: relative import; write the whole name"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield whole if whole in MODULES else str(node.module)
    for child in ast.iter_child_nodes(node):
        yield from _imported(child, path)


def _folder(module: str) -> str:
    """`lipsync.face.landmarks.tracking` → face; the package itself → ''."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def _broken(modules: dict[str, Path], law: dict[str, tuple[str, ...]]) -> list[str]:
    """Imports against the law, each as a line."""
    broken = []
    for name, path in modules.items():
        allowed = {_folder(name), *law[_folder(name)]}
        own = sorted(one for one in _imports(path) if one in modules and one != name)
        broken += [f"{name} imports {one}" for one in own if _folder(one) not in allowed]
    return broken


def test_every_folder_imports_only_what_lies_below_it() -> None:
    """No module is exempt; a folder that the law does not know is a KeyError."""
    assert not _broken(LIPSYNC, MAY_IMPORT)
    law = {**TRAINING_MAY_IMPORT, "": ()}
    assert not _broken(TRAINING, law)


def test_the_law_itself_has_no_circle() -> None:
    for law in (MAY_IMPORT, TRAINING_MAY_IMPORT):
        below: set[str] = set()
        while len(below) < len(law):
            ready = {f for f, needs in law.items() if f not in below and set(needs) <= below}
            assert ready, f"a circle among {set(law) - below}"
            below |= ready


def test_no_files_import_one_another_in_a_circle() -> None:
    graph = {name: _imports(path) & set(MODULES) - {name} for name, path in MODULES.items()}
    while graph:
        leaves = {name for name, needs in graph.items() if not needs & set(graph)}
        if not leaves:
            break
        graph = {name: needs for name, needs in graph.items() if name not in leaves}
    # What is left hangs above a circle or is part of one: those that nothing left imports go.
    while graph:
        used = {one for needs in graph.values() for one in needs}
        roofs = set(graph) - used
        if not roofs:
            break
        graph = {name: needs for name, needs in graph.items() if name not in roofs}
    assert not graph, f"circles among {sorted(graph)}"


def test_every_module_stands_once_in_the_map_of_its_package() -> None:
    """As a line of its docstring: the name, of a folder with a slash, two spaces, what it is."""
    wrong = []
    for name, path in {**MODULES, **_modules("bench")}.items():
        if path.name != "__init__.py":
            continue
        lines = (ast.get_docstring(ast.parse(path.read_text()), clean=False) or "").splitlines()
        listed = [found[1] for line in lines if (found := re.match(r"\s*(\S+) {2,}\S", line))]
        there = [
            f"{one.name}/" if one.is_dir() else one.stem
            for one in path.parent.iterdir()
            if (one / "__init__.py").is_file() or (one.suffix == ".py" and one.stem[:2] != "__")
        ]
        wrong += [f"{name}: {one}, {n} times" for one in there if (n := listed.count(one)) != 1]
    assert not wrong, "; ".join(wrong)


def test_lipsync_never_imports_training() -> None:
    for name, path in LIPSYNC.items():
        assert not {i for i in _imports(path) if i.split(".")[0] == "training"}, name


def test_only_media_touches_ffmpeg() -> None:
    for name, path in LIPSYNC.items():
        tops = {i.split(".")[0] for i in _imports(path)}
        if _folder(name) != "media":
            assert not tops & {"ffmpeg", "imageio_ffmpeg"}, name


def test_importing_lipsync_loads_nothing_heavy() -> None:
    code = f"import sys, lipsync; print([m for m in {HEAVY!r} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO
    )
    assert run.stdout.strip() == "[]"


def test_public_names_are_sorted_and_importable() -> None:
    assert lipsync.__all__ == sorted(lipsync.__all__)
    for name in lipsync.__all__:
        assert getattr(lipsync, name) is not None


def test_the_graph_check_sees_through_functions(tmp_path: Path) -> None:
    """Lazy imports count as well: the check would be blind if it only read the file's head."""
    file = tmp_path / "stage.py"
    file.write_text(
        "def f():\n    from lipsync.face.landmarks import tracking\n    return tracking\n"
    )
    assert _imports(file) == {"lipsync.face.landmarks.tracking"}
    module = {"lipsync.media.stage": file, "lipsync.face.landmarks.tracking": file}
    assert _broken(module, MAY_IMPORT) == [
        "lipsync.media.stage imports lipsync.face.landmarks.tracking"
    ]
