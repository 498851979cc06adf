"""Speech: sound, voice activity, features, and the lips that it predicts.

audio         Any file's sound → what the speech model listens to: 16 kHz, mono, at a standard l
av_sync       Do lips and sound belong together, and how far apart are they?
features/     Sound → feature vectors at 100 Hz
lip_model/    Features → the lips of a person saying it
lip_profile   What one person's mouth is like: how it lies, how far it opens, how it rests
running_mean  Figures of a sound that is still arriving: what is known of it so far
silence       What the mouth does in silence: close with a natural release, rest, or show the ta
vad           When somebody speaks, and what the mouth does when nobody does
"""
