"""Bring weights of others into our format (encoder, phones).

encoder  The encoder of the smart-turn model in the pipecat-ai package → assets/encoder.safetens
phones   The acoustic model of the pocketsphinx package → assets/phones.safetensors
"""
