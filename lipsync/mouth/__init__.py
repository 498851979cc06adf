"""The new mouth: a bank of the person's own mouths, textures made from it, and their finish.

bank/          Collect the person's own mouths from footage
decoder/       The decoder texture: a network, trained on the person, that refines the median
finish/        Finish the new mouth and composite it into the frame
occlusion/     Find things before the face: captions, hands, cups, masks
texture/       Draw wanted lips as pictures of mouth and chin
shape_free     The space of shape-free pictures: all warped to the person's mean lips and jaw
wanted_mouths  The input of every texture source: wanted lips, and the face they go onto
"""
