"""`python -m lipsync`: the command line."""

from __future__ import annotations

from lipsync.cli import main

if __name__ == "__main__":
    main()
