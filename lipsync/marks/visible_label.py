"""A short notice in the picture that it was generated.

No font is shipped: the letters are OpenCV's. Up to version 4 these are plain Latin ones without
accents, from 5 on there are Greek, Cyrillic, Chinese, Japanese and Korean ones too. Arabic and
Hebrew are not offered: their letters come unjoined and in the wrong direction, those of Indian
scripts as question marks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from lipsync.errors import OptionsError
from lipsync.media.frame_coding import RGB, FrameCoding, even_box
from lipsync.types import F32, U8

Position = Literal["top-left", "top-right", "bottom-left", "bottom-right"]
Language = Literal[
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "id",
    "el", "ru", "uk", "zh", "ja", "ko",
]  # fmt: skip
Kind = Literal["mouth", "face"]

TEXTS: dict[Language, dict[Kind, str]] = {
    "en": {"mouth": "AI: mouth generated", "face": "AI: face replaced"},
    "de": {"mouth": "KI: Mund generiert", "face": "KI: Gesicht ersetzt"},
    "fr": {"mouth": "IA : bouche artificielle", "face": "IA : visage artificiel"},
    "es": {"mouth": "IA: boca generada", "face": "IA: rostro sustituido"},
    "it": {"mouth": "IA: bocca generata", "face": "IA: volto sostituito"},
    "pt": {"mouth": "IA: boca gerada", "face": "IA: rosto trocado"},
    "nl": {"mouth": "AI: mond gegenereerd", "face": "AI: gezicht vervangen"},
    "pl": {"mouth": "AI: usta wygenerowane", "face": "AI: twarz podmieniona"},
    "sv": {"mouth": "AI: genererad mun", "face": "AI: utbytt ansikte"},
    "da": {"mouth": "AI: genereret mund", "face": "AI: udskiftet ansigt"},
    "id": {"mouth": "AI: mulut buatan", "face": "AI: wajah diganti"},
    "el": {"mouth": "ΤΝ: συνθετικό στόμα", "face": "ΤΝ: συνθετικό πρόσωπο"},
    "ru": {"mouth": "ИИ: рот сгенерирован", "face": "ИИ: лицо заменено"},
    "uk": {"mouth": "ШІ: рот згенеровано", "face": "ШІ: обличчя замінено"},
    "zh": {"mouth": "AI生成：嘴部", "face": "AI生成：换脸"},
    "ja": {"mouth": "AI生成：口元", "face": "AI生成：顔を差し替え"},
    "ko": {"mouth": "AI 생성: 입 모양", "face": "AI 생성: 얼굴 교체"},
}

UNICODE_SINCE = 5  # major version of OpenCV
FONT = cv2.FONT_HERSHEY_DUPLEX
FONT_HEIGHT = 21  # pixels of a capital letter at scale 1
LETTERS = 0.032  # height of a capital letter, of the picture's shorter side
LETTERS_LEAST = 9.0  # pixels: smaller ones cannot be read
MARGIN = 0.05  # from the border, of the picture's sides: screens may hide what is nearer
WIDTH_MOST = 0.9  # of the picture
BOX = 0.55  # how opaque the dark box behind the letters is: they stay readable on any picture


def can_draw(language: Language) -> bool:
    """Whether there are letters for the notice."""
    plain = all(text.isascii() for text in TEXTS[language].values())
    return plain or int(cv2.__version__.split(".")[0]) >= UNICODE_SINCE


def check_language(language: Language) -> None:
    """Find out before the work whether the notice can be written.

    Raises:
        OptionsError: the letters are missing.
    """
    if not can_draw(language):
        raise OptionsError(
            f"--label-language {language} needs OpenCV {UNICODE_SINCE} or later, this is "
            f"{cv2.__version__}: pip install -U opencv-python-headless, or choose another language"
        )


@dataclass(frozen=True, eq=False)
class VisibleLabel:
    """A notice, drawn once for one size of picture."""

    y: int  # of the box's upper left corner
    x: int
    letters: F32  # (h, w, 1), 0..1, white
    box: F32  # (h, w, 1), 0..1, how much of the picture stays

    @staticmethod
    def of(width: int, height: int, text: str, position: Position) -> VisibleLabel:
        """Draw a text for pictures of this size."""
        scale = max(LETTERS * min(width, height), LETTERS_LEAST) / FONT_HEIGHT
        (text_width, _), _ = cv2.getTextSize(text, FONT, 1.0, 1)
        scale = min(scale, WIDTH_MOST * width / (text_width + 2 * FONT_HEIGHT))
        thick = max(1, round(1.4 * scale))
        (w, h), low = cv2.getTextSize(text, FONT, scale, thick)
        pad = round(0.6 * FONT_HEIGHT * scale)
        drawn = np.zeros((h + low + 2 * pad, w + 2 * pad), np.uint8)
        drawn = drawn[:height, :width]
        cv2.putText(drawn, text, (pad, pad + h), FONT, scale, 255, thick, cv2.LINE_AA)
        letters = np.asarray(drawn[..., None] / 255, np.float32)
        room_y, room_x = height - drawn.shape[0], width - drawn.shape[1]
        near_y = min(round(MARGIN * height), room_y)
        near_x = min(round(MARGIN * width), room_x)
        y = near_y if position.startswith("top") else room_y - near_y
        x = near_x if position.endswith("left") else room_x - near_x
        return VisibleLabel(y, x, letters, np.asarray((1 - BOX) * (1 - letters), np.float32))

    def draw(self, frame: U8, coding: FrameCoding = RGB) -> U8:
        """A frame with the notice; the one given stays as it is."""
        h, w = self.letters.shape[:2]
        low = np.array([self.x, self.y], np.float32)
        width, height = coding.size(frame)
        box = even_box(low, low + np.array([w, h], np.float32), width, height)
        if box is None:
            return frame
        made, before = frame.copy(), coding.cut(frame, box)
        after = before.copy()
        part = after[self.y - box[1] :, self.x - box[0] :][:h, :w]
        part[:] = np.rint(part * self.box + 255 * self.letters)
        coding.paste(made, box, before, after)
        return made


def label_frames(
    frames: Iterable[U8],
    changed: Callable[[int], bool],
    label: VisibleLabel,
    shown: int | None,
    first: int = 0,
    coding: FrameCoding = RGB,
) -> Iterator[U8]:
    """Draw a notice into frames from the start of each changed part on.

    Args:
        changed: whether frame i is changed; asked when that frame has arrived.
        shown: frames in which the notice stays; None: as long as the part lasts.
        first: the number of the first of these frames; `changed` knows those before it.
        coding: of the frames.
    """
    until, before = 0, False

    def is_shown(i: int) -> bool:
        nonlocal until, before
        new = changed(i)
        if new and shown is None:
            until = i + 1
        elif new and not before and shown is not None:
            until = i + shown
        before = new
        return i < until

    for i in range(first):
        is_shown(i)
    for i, frame in enumerate(frames, first):
        yield label.draw(frame, coding) if is_shown(i) else frame
