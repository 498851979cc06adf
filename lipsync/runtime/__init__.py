"""Domain-free services: caching, checkpoints, files, threads, options, timing.

atomic       Output files and folders that appear complete or not at all
cache        Cached results on disk, keyed by inputs and by the code that computes them
checkpoint   Weights on disk: tensors and metadata in one safetensors file, no pickled code
code_digest  A digest of the code that computes a result, for cache keys
context      What every stage of one run shares: cache, timer, device, progress
hashing      Fingerprints of files and arrays
interrupt    Stopping long work between two steps, so that it can be resumed
numeric      Small numeric functions that several stages share
option_spec  The decorator with which every stage declares its options
positions    Runs of flags, and per-frame values sampled at positions between frames
prefetch     Running a stream ahead of its consumer, in a thread
threads      Thread limits of the libraries below
timer        Wall time per stage
"""
