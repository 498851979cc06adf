"""Benchmarks: the figures of docs/benchmarks/, run as `python -m bench.<folder>.<module>`.

cost/        Time and memory: renders, live sound, long sound
detection/   Small faces; thresholds of identity, occlusion and jaw
footage/     Every kind of input and output, rendered and measured
marks/       What the marks of outputs survive and cost
pictures/    Picture quality of reconstructed mouths and of finished renders
regression/  Renders of two versions compared frame by frame
robustness/  Renders that are killed, inputs that are damaged
support/     Shared by the benchmarks
swap/        Face swap quality
timing/      Retiming of the head to the speech
"""
