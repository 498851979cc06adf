"""Which features a speech model hears."""

from __future__ import annotations

from dataclasses import dataclass

PHONES, ENCODED = 42, 96  # values per step of `features.phones` and `features.encoder`


@dataclass(frozen=True)
class FeatureSpec:
    """How sound becomes features; a speech model carries the one that it was trained with."""

    # paper28: cepstra, energy and their difference. Else one or more, in this order, joined by +:
    # logmel: log mel bands; phones: how much each step sounds like each of 42 English phones;
    # encoder: what a speech recogniser's encoder makes of it.
    kind: str
    bands: int = 40  # of the mel scale
    per_clip: bool = False  # remove the clip's own mean over its audible steps
    floor_db: float = 60.0  # logmel: this far below the clip's loud steps nothing is told apart
    causal: bool = False  # level and colour are those of the sound so far, for live sound
    throat: bool = False  # but paper28: formants moved to where the usual throat has them

    def __post_init__(self) -> None:
        if self.kind != "paper28" and self.kind != "+".join(self.parts):
            raise ValueError(
                "FeatureSpec.kind: wanted paper28, or some of logmel+phones+encoder in this "
                f"order, got {self.kind!r}"
            )
        if self.throat and (self.causal or self.kind == "paper28"):
            raise ValueError("FeatureSpec.throat: wanted the bands of a whole clip")
        if self.causal and self.kind not in ("paper28", "logmel", "logmel+phones"):
            raise ValueError(f"FeatureSpec.causal: {self.kind} cannot be had from live sound")

    @property
    def parts(self) -> dict[str, slice]:
        """Where in a step's values each part of the kind stands; none of paper28."""
        sizes = {"logmel": self.bands, "phones": PHONES, "encoder": ENCODED}
        found, at = {}, 0
        for name, size in sizes.items():
            if name in self.kind.split("+"):
                found[name] = slice(at, at + size)
                at += size
        return found

    @property
    def size(self) -> int:
        """Values per step."""
        return 28 if self.kind == "paper28" else max(part.stop for part in self.parts.values())
