"""Prepare a training corpus: footage → clips with lips and sound that belong together.

benchmark_data       Speakers and sounds of the benchmark pages
dataset              Clips of one speaker, their sound and lips, stored as one .npz file
footage_files        Find the videos of each speaker in a folder; list what was dropped
forced_alignment     Phone boundaries of GRID clips from their sound and transcript
prepare              Command: footage → one file of clips per speaker
segments             Cut a video into segments with a face in view, and analyze their speech
speaker_preparation  Filter, synchronize and store the segments of each speaker
sync_filter          Reject clips whose sound and lips do not match; correct constant delays
synthesize           Command: speech of seven languages whose phones and times are known
tracks               Face tracks reduced to the points of lips and alignment: join, cut, measure
"""
