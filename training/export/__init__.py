"""Convert third-party weights to our format.

encoder  Speech encoder of the smart-turn model → assets/encoder.safetensors
phones   Acoustic model of pocketsphinx → assets/phones.safetensors
"""
