"""Convert third-party weights to our format.

encoder  First layers of a speech recognizer's encoder → assets/encoder.safetensors
hands    Hand model of an old mediapipe wheel → assets/hand_landmarker.task
phones   Acoustic model of pocketsphinx → assets/phones.safetensors
"""
