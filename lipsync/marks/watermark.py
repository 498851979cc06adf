"""The invisible watermark: the id of a record, hidden in the generated part of the picture.

The mark is a faint texture on the lower face, anchored to the face by the alignment that mouths are
drawn in: scaling, cropping and turning the video move it together with the face, and so does
everything that the head does. It is not still but breathes, once in `PERIOD_S`: what a face shows
all the time, its own texture above all, then averages out when the mark is read, and a mark a
quarter as strong as its face's texture is enough. `watermark_reader.py` reads it.
"""

from __future__ import annotations

import cv2
import numpy as np

from lipsync.face.similarity import affine_scale
from lipsync.marks.carriers import COLUMNS, ROWS, carriers, grid_box, grid_to_frame
from lipsync.marks.payload import encode_payload
from lipsync.types import F32, U8

# Slower, and the motion of mouth and head, most of which is below 1 Hz, covers more of it; faster,
# and encoders begin to drop the change from frame to frame.
PERIOD_S = 0.64
# Levels of 255, root mean square over region and time, at faces up to USUAL_SCALE pixels between
# the outer eye corners. In larger ones more pixels carry every bit, and the texture is coarser and
# better seen: there it is weaker, down to LEAST_SHARE.
STRENGTH, USUAL_SCALE, LEAST_SHARE = 1.8, 130.0, 0.65
PEAK = 2.2  # times STRENGTH: nowhere more, so that no blotch stands out
# Mean level of the lower face; in a darker one the same texture would stand out (what an eye
# distinguishes is a share of the light), and the mark is as much weaker.
FULL_LIGHT = 60.0


class Watermark:
    """The mark of one payload; puts it into one frame after another."""

    def __init__(self, payload: int) -> None:
        """Prepare the mark of a payload.

        Raises:
            ValueError: it has more than `payload.PAYLOAD_BITS` bits.
        """
        symbols, basis = encode_payload(payload), carriers()
        unit = STRENGTH * float(np.sqrt(basis.region.sum() / len(symbols)))
        waves = unit * np.stack([symbols.real, symbols.imag]) @ basis.pictures
        envelope = np.sqrt((waves**2).sum(0))
        waves *= np.minimum(1, PEAK * STRENGTH / np.maximum(envelope, 1e-6))
        # (2, ROWS, COLUMNS): what is shown at the beginning of a period, and a quarter later.
        self._waves = waves.reshape(2, ROWS, COLUMNS).astype(np.float32)

    def embed(
        self,
        frame: U8,
        to_frame: F32,
        time_s: float,
        alpha: F32 | None = None,
        corner: tuple[int, int] = (0, 0),
    ) -> None:
        """Put the mark into a frame (h, w, 3), in place; all three channels change alike.

        Args:
            to_frame: (2, 3), canonical → frame pixels; NaN: no face, the frame stays.
            time_s: of the frame in the output.
            alpha: (bh, bw), 0..1, in a box of the frame: how much of each pixel is new. Where it
                is 0, and outside of the box, no pixel changes. None: the whole frame may change.
            corner: x, y of the box.
        """
        whole = (frame.shape[0], frame.shape[1]) if alpha is None else alpha.shape
        matrix = grid_to_frame(to_frame)
        matrix[:, 2] -= corner
        box = grid_box(matrix, 0, whole[1], whole[0])
        if box is None:
            return
        left, top, right, bottom = box
        matrix[:, 2] -= (left, top)
        turn = 2 * np.pi * time_s / PERIOD_S
        x, y = left + corner[0], top + corner[1]
        part = frame[y : y + bottom - top, x : x + right - left]
        share = float(np.clip(np.sqrt(USUAL_SCALE / affine_scale(to_frame)), LEAST_SHARE, 1))
        share *= min(1.0, sum(cv2.mean(part)[:3]) / 3 / FULL_LIGHT)
        shown = share * (np.cos(turn) * self._waves[0] + np.sin(turn) * self._waves[1])
        change = cv2.warpAffine(shown.astype(np.float32), matrix, (right - left, bottom - top))
        if alpha is not None:
            change *= alpha[top:bottom, left:right]
        levels = np.rint(change).astype(np.int16)
        part[:] = cv2.add(part, cv2.merge([levels] * 3), dtype=cv2.CV_8U)
