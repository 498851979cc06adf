"""Nodes of ComfyUI: a render as one step of a workflow.

ComfyUI finds the two mappings in a file of its folder `custom_nodes` that imports them from here;
docs/comfyui.md has the line. Without ComfyUI they can be imported as well, but not executed.

    render_node  the node "Lipsync render"
    widgets      a node's inputs, from the options that they set
    exchange     what nodes hand to one another, as files
    host         the parts of ComfyUI that a node uses
"""

from __future__ import annotations

from lipsync.comfyui.render_node import RenderNode

NODE_CLASS_MAPPINGS = {"LipsyncRender": RenderNode}
NODE_DISPLAY_NAME_MAPPINGS = {"LipsyncRender": RenderNode.TITLE}

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
