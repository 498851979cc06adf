"""Mouth and chin by a decoder trained on the person (`lipsync train-mouth`).

The median is drawn as usual, on the target's pixel grid. The decoder sees it on the canonical
canvas, conditioned on lips, phones and head pose, and redraws it; its change is added to the patch.
Detail of a large face that is too fine for the canvas stays as the median has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import OptionsError
from lipsync.face.identity import SAME_PERSON, compare_faces
from lipsync.face.similarity import compose_affine
from lipsync.mouth.decoder.crop import LANDMARK_VALUES, describe_mouths
from lipsync.mouth.decoder.network import MouthDecoder, to_tensor
from lipsync.mouth.texture.bank_model import BankModel
from lipsync.mouth.texture.median import MedianPatch, MedianTexture
from lipsync.mouth.texture.mouth_targets import number_runs
from lipsync.mouth.texture.source import TextureOptions, TextureSource
from lipsync.mouth.wanted_mouths import WantedMouths
from lipsync.runtime.cache import Cache
from lipsync.types import F32, U8, MouthBank, Patch


class DecoderTexture(TextureSource):
    """Mouths drawn by a decoder, which refines the median if it was trained to."""

    def __init__(self, bank: MouthBank, options: TextureOptions, network: MouthDecoder) -> None:
        self._network = network
        if not network.dims.refines:  # the median only determines a patch's place
            options = replace(options, candidates=1, detail=0.0)
        self._median = MedianTexture(bank, options)
        # A decoder trained on silent footage must not be given sound.
        self._hears = float(network.get_buffer("told_mean")[LANDMARK_VALUES]) > 0.5

    @classmethod
    def load_model(cls, options: TextureOptions, speakers: int, device: str) -> MouthDecoder:
        """Load the decoder that the options name.

        Raises:
            OptionsError: no weights are named, or there are several speakers.
            WeightsError: the file is missing, damaged, or not a mouth decoder.
        """
        if speakers > 1:
            raise OptionsError(
                "--texture decoder knows one person's mouth; with several speakers use median"
            )
        if options.mouth_model is None:
            raise OptionsError(
                "--texture decoder needs --mouth-model; train one with "
                "lipsync train-mouth --video TARGET -o mouth.safetensors"
            )
        return MouthDecoder.load(Path(options.mouth_model).expanduser(), device)

    @classmethod
    def open(cls, bank: MouthBank, options: TextureOptions, model: MouthDecoder) -> DecoderTexture:
        """See `TextureSource`."""
        return cls(bank, options, model)

    def prepare(self, heard: bool, cache: Cache) -> None:
        """See `TextureSource`."""
        self._median.prepare(heard, cache)

    def learned(self, heard: bool) -> BankModel | None:
        """That of the median."""
        return self._median.learned(heard)

    def adopt(self, heard: bool, learned: BankModel | None) -> None:
        """See `TextureSource`."""
        self._median.adopt(heard, learned)

    def draw_patches(
        self, wanted: WantedMouths, part: range | None = None
    ) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        part = range(len(wanted)) if part is None else part
        count, phones = self._network.dims.phones, wanted.phones
        heard = phones if phones is not None and phones.shape[1] == count and self._hears else None
        target, lips = wanted.target, wanted.lips.points
        runs = number_runs(wanted.present, target.shots)
        conditions = describe_mouths(wanted.lips, target.nose, heard, runs, count)
        for i, drawn in zip(part, self._median.draw(wanted, part), strict=True):
            if drawn is None:
                yield None
                continue
            to_patch = compose_affine(drawn.patch.from_frame, target.to_frame[i])
            yield replace(drawn.patch, rgb=self._render(drawn, to_patch, lips[i], conditions[i]))

    def _render(self, drawn: MedianPatch, to_patch: F32, lips: F32, condition: F32) -> U8:
        """Render the picture of a patch, (h, w, 3).

        Args:
            to_patch: (2, 3), canonical → pixels of the patch.
            lips: (18, 2), canonical.
            condition: (c,), from `describe_mouths`.
        """
        network = self._network
        canvas, shape = network.dims.canvas, drawn.steady.shape[:2]
        pictures = [
            canvas.crop(drawn.steady, to_patch),
            canvas.crop(drawn.patch.rgb, to_patch),
            canvas.draw_lip_maps(lips),
        ]
        steady, detailed, maps = (to_tensor(one[None]).to(network.device) for one in pictures)
        conditions = torch.from_numpy(condition[None]).to(network.device)
        with torch.inference_mode():
            picture = network.predict(steady, detailed, maps, conditions)
            if network.dims.refines:  # only the change is applied to the patch
                picture = picture - detailed
        levels = 255 * picture[0].permute(1, 2, 0).cpu().contiguous().numpy()
        pasted = canvas.paste(levels, to_patch, shape, extend=not network.dims.refines)
        if network.dims.refines:
            pasted += drawn.patch.rgb
        return np.asarray(np.clip(np.rint(pasted), 0, 255), np.uint8)


def find_mismatch(network: MouthDecoder, thumbnails: list[F32], scheme: str) -> str | None:
    """A warning if the decoder was trained on another person or other landmarks, else None.

    Args:
        thumbnails: of the target's person (`lipsync.face.identity`).
        scheme: name of the target's landmarks.
    """
    trained = network.meta.get("footage", {}).get("landmarks", scheme)
    if trained != scheme:
        return f"the mouth model was trained with other landmarks ({trained}) than {scheme}"
    if network.known is None or not len(network.known) or not thumbnails:
        return None
    likeness = compare_faces(list(network.known.float().cpu().numpy()), thumbnails)
    if likeness >= SAME_PERSON:
        return None
    return (
        f"the mouth model seems to be another person's (likeness {likeness:.2f}, {SAME_PERSON} is "
        "expected); train one on this person with lipsync train-mouth"
    )
