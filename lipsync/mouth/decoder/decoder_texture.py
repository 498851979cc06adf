"""Mouth and chin by a decoder that was trained on the person (`lipsync train-mouth`).

The median is drawn as ever, on the target's own pixel grid. The decoder sees it on its canvas,
knows lips, sound and head pose, and draws it anew; what it changed is then done to the patch.
Detail that is too fine for the canvas, of a large face, stays as the median has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lipsync.errors import OptionsError
from lipsync.face.identity import SAME, likeness
from lipsync.face.similarity import compose
from lipsync.face.tracked_face import nose
from lipsync.mouth.decoder.crop import SEEN, described
from lipsync.mouth.decoder.network import MouthDecoder, to_tensor
from lipsync.mouth.texture.median import Drawn, MedianTexture, runs_of
from lipsync.mouth.texture.source import TextureOptions, TextureSource
from lipsync.runtime.positions import sample_at
from lipsync.types import F32, U8, Alignment, FaceTrack, LipTrack, MouthBank, Patch, Positions


class DecoderTexture(TextureSource):
    """A decoder's mouths; where it was trained to, it refines the median's."""

    def __init__(self, bank: MouthBank, options: TextureOptions, device: str = "cpu") -> None:
        """Raises: see `opened`."""
        self._network = opened(options, device)
        if not self._network.dims.refines:  # only where a patch lies is asked of the median
            options = replace(options, candidates=1, detail=0.0)
        self._median = MedianTexture(bank, options)
        # Trained on silent footage it would make nonsense of sound.
        self._hears = float(self._network.get_buffer("told_mean")[SEEN]) > 0.5

    def patches(
        self,
        lips: LipTrack,
        track: FaceTrack,
        alignment: Alignment,
        frames: Positions,
        said: F32 | None = None,
        jaw: F32 | None = None,
    ) -> Iterator[Patch | None]:
        """See `TextureSource`."""
        phones = self._network.dims.phones
        heard = said if said is not None and said.shape[1] == phones and self._hears else None
        shown = sample_at(track.found, frames) & np.isfinite(lips.points).all((1, 2))
        runs = runs_of(shown, np.searchsorted(track.cuts, frames, side="right"))
        told = described(
            lips.points, sample_at(nose(track, alignment), frames), heard, runs, phones
        )
        to_frame = sample_at(alignment.to_frame, frames)
        made = self._median.drawn(lips, track, alignment, frames, said, jaw)
        for i, drawn in enumerate(made):
            if drawn is None:
                yield None
                continue
            to_patch = compose(drawn.patch.from_frame, to_frame[i])
            yield replace(drawn.patch, rgb=self._made(drawn, to_patch, lips.points[i], told[i]))

    def _made(self, drawn: Drawn, to_patch: F32, lips: F32, told: F32) -> U8:
        """The picture of a patch, (h, w, 3).

        Args:
            to_patch: (2, 3), canonical → its pixels; lips: (18, 2) canonical.
        """
        network = self._network
        canvas, shape = network.dims.canvas, drawn.steady.shape[:2]
        pictures = [
            canvas.seen(drawn.steady, to_patch),
            canvas.seen(drawn.patch.rgb, to_patch),
            canvas.lip_maps(lips),
        ]
        steady, detailed, maps = (to_tensor(one[None]).to(network.device) for one in pictures)
        told_too = torch.from_numpy(told[None]).to(network.device)
        with torch.inference_mode():
            picture = network.drawn(steady, detailed, maps, told_too)
            if network.dims.refines:  # what it did to what it saw is done to the patch
                picture = picture - detailed
        drawn_there = 255 * picture[0].permute(1, 2, 0).cpu().contiguous().numpy()
        made = canvas.laid(drawn_there, to_patch, shape, beyond=not network.dims.refines)
        if network.dims.refines:
            made += drawn.patch.rgb
        return np.asarray(np.clip(np.rint(made), 0, 255), np.uint8)


def opened(options: TextureOptions, device: str = "cpu") -> MouthDecoder:
    """The decoder that the options name.

    Raises:
        OptionsError: they name none.
        WeightsError: it is missing, damaged, or something else.
    """
    if options.mouth_model is None:
        raise OptionsError(
            "--texture decoder needs --mouth-model; train one with "
            "lipsync train-mouth --video TARGET -o mouth.safetensors"
        )
    return MouthDecoder.load(Path(options.mouth_model).expanduser(), device)


def doubts(network: MouthDecoder, looks: list[F32], scheme: str) -> str | None:
    """What is to be said if the decoder was trained on somebody else; None: nothing.

    Args:
        looks: thumbnails of the target's person (`lipsync.face.identity`).
        scheme: name of the target's landmarks.
    """
    trained = network.meta.get("footage", {}).get("landmarks", scheme)
    if trained != scheme:
        return f"the mouth model was trained with other landmarks ({trained}) than {scheme}"
    if network.known is None or not len(network.known) or not looks:
        return None
    alike = likeness(list(network.known.float().cpu().numpy()), looks)
    if alike >= SAME:
        return None
    return (
        f"the mouth model seems to be another person's (likeness {alike:.2f}, {SAME} is expected); "
        "train one on this person with lipsync train-mouth"
    )
