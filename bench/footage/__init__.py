"""Every kind of input and output.

input_cases    Cases of containers, codecs, frame rates, colors and damage
inputs         Render every case and measure the output → footage.md
speaker_cases  Cases of several speakers, spans and timing
"""
