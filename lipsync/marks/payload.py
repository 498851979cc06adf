"""The watermark's payload as symbols: checksum, error-correcting code, pilots.

48 bits + 12 of a checksum → tail-biting convolutional code of rate 1/2 → 120 bits
→ 60 symbols ±1 ±i, after 12 pilots, which are the same in every mark
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lipsync.types import F64

PAYLOAD_BITS = 48
CHECK_BITS, CHECK_POLYNOMIAL = 12, 0x80F  # x¹² + x¹¹ + x³ + x² + x + 1
INFO_BITS = PAYLOAD_BITS + CHECK_BITS
PILOTS = 12
# Constraint length 7: the code of the Voyager probes (CCSDS 131.0), 5 dB better than none.
MEMORY, GENERATORS = 6, (0o171, 0o133)
STATES = 1 << MEMORY
LAPS = 3  # around the circular trellis; the one in the middle is as good as an endless one
# Decimals of π as quarter turns: any will do, as long as they stay.
_PILOT_TURNS = (3, 1, 0, 1, 1, 1, 1, 2, 2, 3, 1, 1)

Symbols = NDArray[np.complex128]

PILOT_SYMBOLS: Symbols = np.array([(1 + 1j) * 1j**turn for turn in _PILOT_TURNS])


def checksum(payload: int) -> int:
    """The remainder of the payload's polynomial (CRC), CHECK_BITS wide.

    It begins with all ones, so that an empty picture is no valid mark.
    """
    rest = (1 << CHECK_BITS) - 1
    for place in range(PAYLOAD_BITS - 1, -1, -1):
        top = rest >> (CHECK_BITS - 1) ^ payload >> place & 1
        rest = (rest << 1) & ((1 << CHECK_BITS) - 1) ^ (CHECK_POLYNOMIAL if top else 0)
    return rest


def encode_payload(payload: int) -> Symbols:
    """The symbols (PILOTS + 60,) of a payload, parts ±1.

    Raises:
        ValueError: it has more than PAYLOAD_BITS bits.
    """
    if not 0 <= payload < 1 << PAYLOAD_BITS:
        raise ValueError(f"watermark: wanted a payload of {PAYLOAD_BITS} bits, got {payload}")
    word = payload << CHECK_BITS | checksum(payload)
    bits = [word >> (INFO_BITS - 1 - i) & 1 for i in range(INFO_BITS)]
    state, coded = 0, []
    for bit in bits[-MEMORY:]:  # where the circle will end
        state = _next_state(state, bit)
    for bit in bits:
        coded.append(_outputs(state, bit))
        state = _next_state(state, bit)
    signs = 1.0 - 2.0 * np.array(coded)
    return np.concatenate([PILOT_SYMBOLS, signs[:, 0] + 1j * signs[:, 1]])


def decode_payload(symbols: Symbols) -> tuple[int, bool]:
    """The most likely payload of noisy symbols (PILOTS + 60,), and whether its checksum holds."""
    data = symbols[PILOTS:]
    word = 0
    for bit in _decode_circle(np.stack([data.real, data.imag], axis=1)):
        word = word << 1 | bit
    payload = word >> CHECK_BITS
    return payload, word & ((1 << CHECK_BITS) - 1) == checksum(payload)


def _next_state(state: int, bit: int) -> int:
    return (state << 1 | bit) & (STATES - 1)


def _outputs(state: int, bit: int) -> tuple[int, ...]:
    register = state << 1 | bit
    return tuple((register & generator).bit_count() & 1 for generator in GENERATORS)


# The trellis backwards: state s is reached with its own lowest bit from two states.
_CAME_FROM = np.array([[s >> 1, s >> 1 | STATES >> 1] for s in range(STATES)])
_SIGNS = np.array(
    [
        [[1 - 2 * out for out in _outputs(int(f), s & 1)] for f in _CAME_FROM[s]]
        for s in range(STATES)
    ]
)  # (STATES, 2, 2)


def _decode_circle(soft: F64) -> list[int]:
    """The most likely bits (n,) of soft coded pairs (n, 2), positive for 0 (Viterbi)."""
    n = len(soft)
    score, choices = np.zeros(STATES), []
    each = np.arange(STATES)
    for pair in np.tile(soft, (LAPS, 1)):
        reached = score[_CAME_FROM] + _SIGNS @ pair
        better = reached.argmax(1)
        choices.append(better)
        score = reached[each, better]
    state, bits = int(score.argmax()), []
    for better in reversed(choices):
        bits.append(state & 1)
        state = int(_CAME_FROM[state, better[state]])
    return bits[::-1][n * (LAPS // 2) : n * (LAPS // 2 + 1)]  # the middle lap
