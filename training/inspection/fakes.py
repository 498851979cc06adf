"""Make real and fake clips of the footage, on which the detector of made videos is measured.

    python -m training.inspection.fakes --data ../shared/data --out runs/inspection

OUT gets clips/KIND/ and manifest.jsonl, a line per clip: what it is, of whom, and how it was made.
Reals come first, then edits, renders, face swaps and decoders. The same command goes on where it
was stopped, and tries again what failed; --only makes some kinds (and the real pieces they need).
Renders and edits of everybody take some hours on one core, the models of the last two kinds about
an hour more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lipsync.errors import LipsyncError, OptionsError
from training.inspection.corpus_manifest import Manifest
from training.inspection.fake_edits import EDITS, REALS, edit_jobs, real_jobs
from training.inspection.fake_renders import (
    RENDERS,
    TRAINED,
    decoder_jobs,
    render_jobs,
    swap_jobs,
)
from training.inspection.jobs import Job, Workshop, make_all
from training.inspection.pieces import Piece, find_pieces
from training.inspection.trained_fakes import TrainedModels

KINDS = (*REALS, *EDITS, *RENDERS, *TRAINED)
REAL_ONLY = "arabic"  # corpus of which no fakes are made: clips of 1.2 s


def main(argv: list[str] | None = None) -> None:
    """Parse the command line and make what is not there yet."""
    parser = argparse.ArgumentParser(
        prog="python -m training.inspection.fakes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the footage")
    parser.add_argument("--out", type=Path, default=Path("runs/inspection"))
    parser.add_argument("--only", nargs="+", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--people", nargs="+", metavar="NAME", help="only clips of these people")
    args = parser.parse_args(argv)
    try:
        failures = make_corpus(args.data, args.out, args.only or KINDS, args.people or ())
    except LipsyncError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        sys.exit(130)
    if failures:
        sys.exit(f"{failures} clips failed; {args.out / 'manifest.jsonl'} says why")


def make_corpus(
    data: Path, out: Path, kinds: Sequence[str] = KINDS, people: Sequence[str] = ()
) -> int:
    """Make the clips of some kinds and people (none: everybody) that the folder lacks.

    Returns:
        The number of clips that failed.

    Raises:
        OptionsError: nobody has that name.
        LipsyncError: footage is missing, or the folder cannot be written.
    """
    pieces = find_pieces(data)
    everybody = tuple(dict.fromkeys(piece.person for piece in pieces))
    if unknown := [name for name in people if name not in everybody]:
        raise OptionsError(f"--people: nobody is named {unknown[0]}; there are {everybody}")
    out.mkdir(parents=True, exist_ok=True)
    shop = Workshop(data, out, everybody)
    pieces = [piece for piece in pieces if not people or piece.person in people]
    chosen = (job for job in list_jobs(pieces, shop) if job.kind in kinds)
    return make_all(chosen, shop, Manifest(out))


def list_jobs(pieces: Sequence[Piece], shop: Workshop) -> Iterator[Job]:
    """Every clip of these pieces, in the order of making."""
    fakes = [piece for piece in pieces if piece.corpus != REAL_ONLY]
    models = TrainedModels(shop)
    for piece in pieces:
        yield from real_jobs(piece, shop)
    for piece in fakes:
        yield from edit_jobs(piece, shop)
    for piece in fakes:
        yield from render_jobs(piece, shop)
    for piece in fakes:
        yield from swap_jobs(piece, shop, models)
    for piece in fakes:
        yield from decoder_jobs(piece, shop, models)


if __name__ == "__main__":
    main()
