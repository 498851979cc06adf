"""Which features a speech model reads."""

from __future__ import annotations

from dataclasses import dataclass

PHONES, ENCODED = 42, 160  # values per step of `features.phones` and `features.encoder`


@dataclass(frozen=True)
class FeatureSpec:
    """How sound becomes features; stored with the weights of the speech model trained on them.

    Field names are those of the weights' metadata and of the training configurations.
    """

    # paper28: cepstra, energy and their difference. Otherwise one or more, in this order, joined
    # by +: logmel: log mel bands; phones: posteriors of 42 English phones; encoder: hidden states
    # of a speech recognizer's encoder.
    kind: str
    bands: int = 40  # of the mel scale
    per_clip: bool = False  # subtract the clip's own mean over its audible steps
    floor_db: float = 60.0  # logmel: the noise floor, this far below the clip's loud steps
    causal: bool = False  # level and mean spectrum of the sound so far, for live sound
    throat: bool = False  # not paper28: vocal-tract length normalization, see `features.vtln`

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
        """The columns of every part of the kind; empty for paper28."""
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
