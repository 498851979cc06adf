"""Collect the person's own mouths from footage.

footage          Videos of one person joined end to end: what a mouth bank is made from
frame_selection  Which frames of the footage enter the bank
mouth_bank       Every good frame of the footage, as a lip shape and a crop of pixels
"""
