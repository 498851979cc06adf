"""How outputs are marked: options of `lipsync render` and `lipsync swap`.

Comment, source type and sidecar cannot be left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from lipsync.marks.visible_label import Language, Position
from lipsync.runtime.option_spec import option_group


@option_group
class MarkOptions:
    """How the output says that it was generated."""

    watermark: bool = True
    """Hide the record's id in the generated part of the picture."""
    content_credentials: bool = True
    """Sign the output and what was done to it (C2PA)."""
    certificate: Path | None = None
    """Sign with this certificate (PEM, with its chain) instead of a self-made one."""
    key: Path | None = None
    """The certificate's private key (PEM, not encrypted)."""
    label: bool = False
    """Also show a short notice in the picture."""
    label_position: Position = "top-right"
    """Corner of the notice."""
    label_language: Language = "en"
    """Language of the notice."""
    label_seconds: Annotated[float, Field(ge=0)] = 5.0
    """How long the notice is shown from the start of each changed part; 0: as long as it lasts."""
