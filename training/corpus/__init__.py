"""From footage to a corpus of clips with lips and sound.

dataset              Sound and lips of one speaker's clips, in one file per speaker
footage_files        A folder of videos, whatever its layout → who is in it, and why a part of i
forced_alignment     When each phone of a clip is spoken, from its sound and its known words
prepare              Footage → one file per speaker: the sound and the lips of every clip
segments             A video → its takes: stretches with a face in view, short enough to be clip
speaker_preparation  Videos of people → OUT/<speaker>.npz for each, without what would teach the
sync_filter          Do the sound and the lips of clips belong together, and by how much is the
tracks               Face tracks of clips: only the points that lips and alignment need, joined,
"""
