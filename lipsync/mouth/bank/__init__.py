"""The person's own mouths, collected from footage.

footage     Videos of one person, end to end: what a mouth bank is made from
mouth_bank  The person's own mouths: every good frame of the footage, as a lip shape and a crop
shape_free  Mouths without their shape: coarse pictures, all bent to one person's usual lips and
"""
