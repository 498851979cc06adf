"""The faces of a video, to press the one that speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from lipsync.web.texts import Texts

LARGEST = "largest"
# A template of Gradio's: `value` is what `show` gives. Buttons, so that keys can press them too.
TEMPLATE = """
<div role="group" aria-label="${value.label || ''}">
  ${value.picture ? `
    <p class="hint">${value.hint}</p>
    <div class="faces"><img src="${value.picture}" alt="">
      ${value.faces.map((one, i) => `
        <button type="button" data-face="${one.selector}" aria-label="${one.name}"
          aria-pressed="${value.face === one.selector}" style="left:${100 * one.box[0]}%;
          top:${100 * one.box[1]}%;width:${100 * one.box[2]}%;height:${100 * one.box[3]}%">
          <span>${i + 1}</span></button>`).join('')}
    </div>
    <button type="button" class="faces-all" data-face="largest"
      aria-pressed="${value.face === 'largest'}">${value.largest}</button>` : ''}
</div>
"""
ON_LOAD = """
element.addEventListener('click', (event) => {
  const pressed = event.target.closest('button[data-face]');
  if (!pressed) return;
  const face = pressed.dataset.face;
  props.value = { ...props.value, face };
  trigger('change');
  setTimeout(() => {
    const again = [...element.querySelectorAll('button[data-face]')];
    again.find((one) => one.dataset.face === face)?.focus();
  }, 50);
});
"""


def face_picker(texts: Texts) -> gr.HTML:
    """The picker, empty."""
    return gr.HTML(
        show(texts, None, "", LARGEST), html_template=TEMPLATE, js_on_load=ON_LOAD,
        elem_id="faces",
    )  # fmt: skip


def show(
    texts: Texts, found: Mapping[str, Any] | None, picture: str, face: str
) -> dict[str, Any]:  # fmt: skip
    """What the picker shows.

    Args:
        found: see `Studio.find_faces`; None: nothing.
        picture: address of the picture.
        face: the value of --face that is chosen.
    """
    faces = [] if found is None else found["faces"]
    named = [
        {**one, "name": texts.fill("face_name", number=number)}
        for number, one in enumerate(faces, 1)
    ]
    return {
        "label": texts["faces_label"], "hint": texts["faces_hint"], "picture": picture,
        "faces": named, "face": face, "largest": texts["faces_largest"],
    }  # fmt: skip
