"""Convert third-party weights to our format.

encoder  Speech encoder of the smart-turn model → assets/encoder.safetensors
hands    Hand model of an old mediapipe wheel → assets/hand_landmarker.task
phones   Acoustic model of pocketsphinx → assets/phones.safetensors
"""
