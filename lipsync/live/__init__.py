"""Renders inside of a program that goes on: targets stay loaded, frames come while sound arrives.

renderer      renders one after the other, or side by side, in one process; start reading here
events        what happens in a render, as values; cancelling it, limiting its time
frame_stream  finished frames while the sound is still arriving
live_target   all of a target that does not depend on the speech
live_sound    sound in pieces of any size and rate, as the speech model wants it
live_lips     a render's lips, some time after the sound has come
live_mouth    those lips drawn into the target's frames, block by block
preview       a second of the result, soon, for whoever is still choosing options
"""
