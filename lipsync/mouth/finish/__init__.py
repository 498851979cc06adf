"""Finish the new mouth and composite it: teeth, sharpness, jaw, visibility, grain, blending.

behind        Keep what lies before the face before the new mouth
blend         Blend a patch into a frame: soft mask, membrane color match, Laplacian pyramid
composite     Composite patches into the target's frames
foreign       What is not skin: hair and background, which neither lead the colors nor are covered
grain         Film grain for the new mouth, at the noise level of the target
jaw_warp      Warp the target's jaw to match the new mouth
mouth_scores  Cheap scores of a new mouth against what it replaces: where to look first
sharpen       Edge strength of a person's own mouths, and sharpening a new mouth to that
teeth         Finish patches with the person's teeth and sharpness
teeth_relief  Find frames that show the person's teeth, and blend their relief onto a mouth
visibility    Fade the new mouth out on heads turned too far and on occluded mouths
"""
