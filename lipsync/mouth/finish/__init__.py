"""Finishing a mouth: teeth, sharpness, jaw, visibility, grain, and setting it into the frame.

blend         Blend a patch into a frame: mask, membrane, Laplacian pyramid
composite     Put the new mouth into the target's frame: mask, colour match, Laplacian blend
grain         Camera noise for a new mouth, which has hardly any: beside the frame's own skin it
jaw_warp      The jaw that goes with the new mouth
sharpen       How sharp a person's own mouths are, and raising the edges of a new one to that
teeth         Teeth, and edges as sharp as the person's own: the last touches to a mouth
teeth_relief  Which frames show a person's teeth, and laying their relief on a new mouth
visibility    Where the target keeps its own mouth: heads turned too far, and things before the
"""
