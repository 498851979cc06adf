"""Clips on which the detector of made videos is calibrated and measured.

calibrate        Command: measured clips → assets/inspection.json and the page of its figures
corpus_manifest  The list of clips of a folder: what each is and how it was made
detection_page   docs/benchmarks/inspect.md: how well made clips are told from real ones
edit_target      A piece opened for editing: its face, its sound, soft regions of its frames
face_edits       Edits of the face in a piece: frozen, blurred, tinted, …
fake_edits       Clips made of a piece's picture and sound by editing
fake_renders     Clips made by lipsync itself: renders with other speech, decoders, face swaps
fakes            Command: footage → real and fake clips, and their manifest
fitting          The loop in which both small networks are trained
hand_places      Where hands are before or near the face
held_out         How clips fare of people and kinds that took no part in what judges them
jobs             Clips to be made, and what all of them share
made_motion      Made motion without pictures: real trajectories, spoiled
measured_clips   Command: every measure of every clip of the corpus
pieces           Which pieces of which footage are used, who is in them, and their split
predicted_lips   Lips that the speech model predicts for clips
real_clips       The real pieces, and how they look after recompression
scored_clips     Clips scored against other people's, and how a likelihood is fitted to them
sound_edits      Edits of a piece's sound: shifted, stretched, another person's
sync_accuracy    How often the sync network finds the offset of lips and sound
sync_batches     What the sync network learns from: random parts of clips, disturbed
tracked_clips    Faces and sounds of the people that the detectors may learn from
train_dynamics   Command: train the detector of made motion
train_sync       Command: train the network that compares lips with sound
trained_fakes    Models of people that decoder renders and face swaps need
voiced_clips     Clips with what a speech encoder hears in them, also in disguised voices
"""
