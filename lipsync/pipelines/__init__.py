"""The commands, each a straight line through the stages.

adapt           The target's own speech → a speech model of its own
extract_faces   Videos and pictures of one person → a set of faces to learn from
outputs         Where the results of a render go
person          Gather what there is of a person: the target, references, a picture of teeth
render          A render from left to right, one call per stage. Start reading here
speaker_render  One speaker's new mouth, from their speech and their face to finished frames
swap            A face swap from left to right, one call per stage
swap_preview    One frame of a swap under a grid of choices, to choose the options by
train_decoder   A person's footage → a decoder of their mouth
"""
