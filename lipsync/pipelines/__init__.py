"""The commands, each a straight line through the stages.

adapt           The target's own speech → a speech model of its own
extract_faces   Videos and pictures of one person → a face set to train on
face_footage    The footage of a face set: every file's faces found once, and frames sampled from it
outputs         Where the results of a render go
person          Gather what there is of a person: the target, references, a picture of teeth
render          A render from left to right, one call per stage. Start reading here
speaker_render  One speaker's new mouth, from their speech and their face to finished frames
swap            A face swap from left to right, one call per stage
swap_preview    One frame of a swap under a grid of options, to choose them by
swap_setup      What a swap and its preview share: consent, the source's network, the maker of faces
train_decoder   A person's footage → a decoder of their mouth
"""
