"""The new mouth: a bank of real ones, textures made from it, and their finish.

bank/     The person's own mouths, collected from footage
decoder/  The decoder texture: a network, trained on the person, that refines the median
finish/   Finishing a mouth: teeth, sharpness, jaw, visibility, grain, and setting it into the f
texture/  Texture: the wanted lips as pictures of mouth and chin
"""
