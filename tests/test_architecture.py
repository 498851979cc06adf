"""The import graph is the design: stages meet in types, never in one another."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import lipsync

REPO = Path(__file__).resolve().parents[1]
PACKAGE = REPO / "lipsync"

# What a stage may import from lipsync, besides its own folder.
FOUNDATION = {
    "types",
    "errors",
    "geometry",
    "profile",
    "shape_free",
    "media",
    "checkpoint",
    "digest",
    "face_mesh",
    "warp",
    "options_base",
    "cache",
    "running",
    "threads",
    "learning",
    "sync",
    "likeness",
    "jaw",
    "looks",
    "inbetween",
    "grain",
    "png",
    "pace",
    "results",
    "console",
    "face_space",
    "autoencoder",
    "picture_losses",
    "curve",
    "run_state",
    "stopping",
}
# Those who know the stages; `adaptation` is a pipeline of its own, and `tune` drives its network.
CONDUCTORS = {
    "__init__",
    "__main__",
    "cli",
    "cli_faces",
    "options",
    "pipeline",
    "adaptation",
    "dialogue",
    "findings",
    "footage",
    "mouth",
    "mouth_training",
    "places",
    "soundtrack",
    "spoken",
    "tune",
    "face_pipeline",
    "face_preview",
    "faceset",
    "identities",
}
HEAVY = ("torch", "mediapipe", "librosa", "cv2", "scipy", "av", "face_alignment")


def _modules() -> dict[str, Path]:
    """Every module of the package, by its path from `lipsync.` on, e.g. `landmarks.track`."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def _imports(path: Path) -> set[str]:
    """Absolute names of everything a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the whole name"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _own_imports(path: Path) -> set[str]:
    """First parts below `lipsync.` that a file imports: `lipsync.landmarks.track` → landmarks."""
    parts = {name.split(".")[1] for name in _imports(path) if name.startswith("lipsync.")}
    known = {name.split(".")[0] for name in _modules()} | {"assets"}
    return parts & known


def test_stages_never_import_one_another() -> None:
    broken = []
    for name, path in _modules().items():
        stage = name.split(".")[0]
        if stage in CONDUCTORS | FOUNDATION:
            continue
        wrong = _own_imports(path) - FOUNDATION - {stage}
        broken += [f"lipsync.{name} imports lipsync.{other}" for other in sorted(wrong)]
    assert not broken, "; ".join(broken)


def test_the_foundation_stands_by_itself() -> None:
    broken = []
    for name, path in _modules().items():
        part = name.split(".")[0]
        if part in FOUNDATION:
            wrong = _own_imports(path) - FOUNDATION
            broken += [f"lipsync.{name} imports lipsync.{other}" for other in sorted(wrong)]
    assert not broken, "; ".join(broken)


def test_lipsync_never_imports_training() -> None:
    for name, path in _modules().items():
        assert not {i for i in _imports(path) if i.split(".")[0] == "training"}, name


def test_only_media_touches_ffmpeg() -> None:
    for name, path in _modules().items():
        tops = {i.split(".")[0] for i in _imports(path)}
        if name.split(".")[0] != "media":
            assert not tops & {"ffmpeg", "imageio_ffmpeg"}, f"lipsync.{name}"


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
    file.write_text("def f():\n    from lipsync.landmarks.track import track\n    return track\n")
    assert _own_imports(file) == {"landmarks"}
