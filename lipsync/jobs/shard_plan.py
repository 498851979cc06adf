"""The plan of a render that is made in shards: a folder that any machine can work from.

PLAN/plan.json    versions, digests of the inputs, where the output goes, how many frames
PLAN/recipe/      the recipe and what was learned of the mouths, frozen (see `runtime.frozen`)
PLAN/sound.*      the output's sound, if it is none of the inputs
PLAN/parts/       the parts that are finished, each with an entry that tells its digest
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lipsync._version import __version__
from lipsync.errors import PlanError
from lipsync.media import Output
from lipsync.media.parts import split_frames
from lipsync.pipelines.frame_making import FrameMaking
from lipsync.pipelines.part_store import PartStore
from lipsync.pipelines.recipe import FRAME_CODE, Recipe
from lipsync.runtime.atomic import atomic_folder, os_errors_as_output_errors
from lipsync.runtime.code_digest import digest_code
from lipsync.runtime.frozen import FrozenError, freeze, thaw
from lipsync.runtime.hashing import hash_file

HEAD, RECIPE, PARTS = "plan.json", "recipe", "parts"


@dataclass(frozen=True)
class PlanHead:
    """What a plan says of itself; JSON."""

    version: str
    program: str  # digest of the code that makes frames
    output: str  # as the user names it
    sidecar: str | None
    record: int  # id of the output's record
    inputs: Mapping[str, str]  # file → digest
    frames: int
    parts: int


@dataclass(frozen=True, eq=False)
class ShardPlan:
    """A plan that was opened."""

    folder: Path
    head: PlanHead
    recipe: Recipe
    learned: list[Any]  # see `FrameMaking.learned`

    @property
    def parts(self) -> list[range]:
        """The frames of every part."""
        return split_frames(self.head.frames, self.recipe.info.fps)

    @property
    def output(self) -> Output:
        """Where the output goes unless it is said otherwise."""
        return Output.parse(self.head.output)

    def store(self) -> PartStore:
        """Its finished parts; several machines may add to them."""
        folder = self.folder / PARTS
        with os_errors_as_output_errors(folder):
            folder.mkdir(exist_ok=True)
        return PartStore(folder, folder, (), None)

    def check_inputs(self, *roles: str) -> None:
        """See whether inputs are those that were planned for.

        Args:
            roles: of the inputs; none: all.

        Raises:
            PlanError: one was changed, or is missing.
        """
        for role, path in self.recipe.script.inputs.items():
            if roles and role not in roles:
                continue
            try:
                changed = hash_file(path) != self.head.inputs[role]
            except OSError as error:
                reason = error.strerror or str(error)
                raise PlanError(
                    f"{path}: cannot be read ({reason}); {self.folder} needs it where it was "
                    "when it was planned"
                ) from None
            if changed:
                raise PlanError(
                    f"{path}: was changed after {self.folder} was planned; plan it again"
                )


def write_plan(
    folder: Path,
    recipe: Recipe,
    making: FrameMaking,
    output: Output,
    sidecar: Path | None,
    record_id: int,
) -> PlanHead:
    """Write a plan, complete or not at all.

    Args:
        making: of the recipe, prepared.
        sidecar: its place; None: beside the output.

    Raises:
        OutputError: it cannot be written.
    """
    head = PlanHead(
        version=__version__,
        program=digest_code(*FRAME_CODE),
        output=str(output.path),
        sidecar=None if sidecar is None else str(sidecar),
        record=record_id,
        inputs={role: hash_file(path) for role, path in recipe.script.inputs.items()},
        frames=len(recipe.timing),
        parts=len(split_frames(len(recipe.timing), recipe.info.fps)),
    )
    with atomic_folder(folder) as place, os_errors_as_output_errors(folder):
        inside = recipe.sound.path not in recipe.script.inputs.values()
        if inside:  # it was made for this output
            name = Path(f"sound{recipe.sound.path.suffix}")
            shutil.copyfile(recipe.sound.path, place / name)
            recipe = replace(recipe, sound=replace(recipe.sound, path=name))
        (place / RECIPE).mkdir()
        freeze((recipe, making.learned()), place / RECIPE)
        (place / PARTS).mkdir()
        (place / HEAD).write_text(json.dumps(asdict(head), indent=1), "utf-8")
    return head


def open_plan(folder: Path) -> ShardPlan:
    """Read a plan.

    Raises:
        PlanError: it is missing, damaged, or of another version of the program.
    """
    head = read_head(folder)
    program = digest_code(*FRAME_CODE)
    if (head.version, head.program) != (__version__, program):
        other = f"version {head.version}" if head.version != __version__ else "another state"
        raise PlanError(
            f"{folder}: was planned by {other} of lipsync, this is {__version__}: all shards of a "
            "plan need the version that planned it; plan it again, or install that one"
        )
    try:
        recipe, learned = thaw(folder / RECIPE)
    except (FrozenError, TypeError, ValueError) as error:
        where = "" if isinstance(error, FrozenError) else f"{folder}: "
        raise PlanError(f"{where}{error}; plan it again") from None
    if not recipe.sound.path.is_absolute():
        recipe = replace(recipe, sound=replace(recipe.sound, path=folder / recipe.sound.path))
    return ShardPlan(folder, head, recipe, learned)


def read_head(folder: Path) -> PlanHead:
    """What a plan says of itself.

    Raises:
        PlanError: it is missing or damaged.
    """
    place = folder / HEAD
    try:
        return PlanHead(**json.loads(place.read_text("utf-8")))
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlanError(f"{folder}: is no plan of lipsync plan ({place.name}: {reason})") from None
    except (ValueError, TypeError, RecursionError):
        raise PlanError(f"{place}: is damaged; plan it again") from None
