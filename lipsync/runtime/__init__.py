"""Domain-free services: caching, checkpoints, files, threads, options, timing.

atomic         Output files and folders that appear complete or not at all
cache          Cached results on disk, keyed by inputs and by the code that computes them
cache_entries  One entry of the cache: a sealed folder of files, checked before it is believed
cache_pruning  What the cache holds, and making it smaller
cache_store    One folder of cache entries: found, filled, removed; safe among processes
checkpoint     Weights on disk: tensors and metadata in one safetensors file, no pickled code
code_digest    A digest of the code that computes a result, for cache keys
commit         The commit that this program was made from
context        What every stage of one run shares: cache, timer, device, progress
disk_space     Room on a disk: reserved, measured, named, and told from other faults
frozen         Values of the program on disk: dataclasses as JSON, their arrays mapped
hashing        Fingerprints of files and arrays
imports        Importing libraries late
interrupt      Ctrl-C, SIGTERM and SIGHUP: for a command, for its imports, for long training
leftovers      What killed processes left behind: found and removed
loaded         Values kept in memory between the runs of one process
locked_folder  Temporary folders that are locked while they are used
mapped_pickle  Pickles for processes of our own, in which arrays of mapped files are their place
memory         Memory that is no longer used, given back to the system
numeric        Small numeric functions that several stages share
option_spec    The decorator with which every stage declares its options
orphans        The end of a process whose starter is gone
path_lock      Advisory locks on files and folders, which end with their process
portable       What operating systems call differently, or lack
positions      Runs of flags, and per-frame values sampled at positions between frames
prefetch       Running a stream ahead of its consumer, in a thread
threads        Thread limits of the libraries below
timer          Wall time per stage
turns          Of several processes that want to make the same, one makes it, the others wait
wording        Words in messages: one frame, two frames; names that are no text
"""
