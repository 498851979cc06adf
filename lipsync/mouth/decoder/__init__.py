"""The decoder texture: a network, trained on the person, that refines the median.

crop             The canonical picture of mouth and chin that the decoder sees and draws
decoder_texture  The texture source that runs a trained decoder
network          The decoder: lips, phones and head pose → picture of mouth and chin
"""
