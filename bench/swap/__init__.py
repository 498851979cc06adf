"""Face swap quality.

clips    Identity, lip motion, flicker and occlusion in swapped clips
quality  Face swap between two people → swap.md
"""
