"""Speech: sound, voice activity, features, and the lip shapes predicted from them.

articulation  Lips with the person's own range and with the tempo of speech
audio         Any file's sound → the speech model's input: 16 kHz, mono, at a standard level
av_sync       Whether lips and sound belong together, and the lag between them
features/     Sound → feature vectors at 100 Hz
lip_model/    Features → the lips of a person speaking
lip_profile   One person's mouth: its neutral, closed and resting shapes, and its opening range
live_articulation  The same articulation while the sound is still arriving
running_mean  Exponentially weighted mean of a stream, for sound that is still arriving
silence       Lips in silence: close, rest, or return to the target's own
telling_second  Which second of a speech shows most of what a mouth can do
vad           Voice activity detection: the segments of a sound that hold speech
video_speech  A video's own sound, analyzed once for all stages
"""
