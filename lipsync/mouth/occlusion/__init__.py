"""Things before the face: captions, hands, cups, masks.

before_face  What lies before the lower face in every frame: the parts below together
hand_masks   Hands before the face: joints at some frames become masks of every frame
looks        A coarse, shape-free picture of the lower face in every frame
mask_space   The space of occlusion masks: cells over the lower face
odd_looks    Things before the face by their looks: what differs from the person's own skin
"""
