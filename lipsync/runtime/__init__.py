"""Services that know nothing of lips: cache, checkpoints, files, threads, options, timing.

atomic       Output files that appear whole or not at all
cache        What need not be computed twice, on disk, under a hash of what it was computed from
checkpoint   Weights on disk: tensors and what they are, in one safetensors file; no pickled cod
hashing      The fingerprint of a file's content
interrupt    Stopping long work between two of its steps, so that it can go on from there
option_spec  The decorator every stage declares its options with
positions    Per-frame values: runs of flags, and values read at positions between frames
prefetch     Run a stream ahead of its consumer, in a thread
threads      How many threads the libraries below us may use
timer        Where the time of a render goes, stage by stage
"""
