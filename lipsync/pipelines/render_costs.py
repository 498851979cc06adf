"""What a render costs, from what renders were measured to cost: seconds, memory, disk.

Set from `python -m bench.cost.estimates` at 1080 × 720 and 1280 × 720, and from the sample at
512 × 512, on two cores that other programs used as well: processor time, of which a render keeps
about 1.6 cores busy. Memory is that of `python -m bench.cost.speed`, mapped files left out. Costs
per frame grow with the picture: a part that every frame costs, and a part per million pixels.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FrameCost:
    """Seconds per frame."""

    fixed: float
    per_megapixel: float

    def seconds(self, frames: int, pixels: int) -> float:
        """Of frames with so many pixels each."""
        return frames * (self.fixed + self.per_megapixel * pixels / 1e6)


START_S = 7.0  # libraries, weights and what is learned from the bank before the first frame
LANDMARKS = FrameCost(0.026, 0.014)  # of a target's frame; each also in the mirror
BANK = FrameCost(0.018, 0.018)  # of a target's frame: decoding, hands, crops
PICTURES = FrameCost(0.035, 0.055)  # of an output's frame: decode, texture, composite, encode
DECODER = 2.0  # times that with --texture decoder
SPEECH_S = 0.05  # per second of speech: features and lips, and of a target's own sound the same
ADAPT_S = 14.0  # fine-tuning
ADAPT_PER_S = 0.35  # and per second of the target's own speech

BASE_MEMORY = 450_000_000  # bytes: libraries, weights, what is learned from the bank
PROCESS_MEMORY = 220_000_000  # bytes: of another process that makes parts, and of its encoder
MEMORY_PER_PIXEL = 250  # bytes per pixel of a frame: frames that stages pass on
MAKING_MEMORY = 250_000_000  # bytes more where faces or a bank are not in the cache
MEMORY_PER_SPEECH_S = 400_000  # bytes per second of sound

PERSON_BYTES = 2_400_000  # of the cache: an adapted speech model
# Of the cache: what is learned of a bank, and per entry of it.
MODEL_BYTES, MODEL_ENTRY_BYTES = 40_000_000, 37_000
FACES_BYTES = 6_200  # of the cache, per frame of the target
LOOK_BYTES = 14_400  # temporary, per frame of the target, while the bank is made
SOUND_BYTES = 400_000  # temporary, per second of the output
BITS_PER_PIXEL = 0.13  # of an output at BITS_CRF, moving pictures
BITS_CRF, HALVING = 16, 6.0  # every so many steps of --crf halve it


def output_bytes(frames: int, pixels: int, crf: int) -> int:
    """About how large an output gets."""
    bits = BITS_PER_PIXEL * 2 ** ((BITS_CRF - crf) / HALVING)
    return round(frames * pixels * bits / 8)
