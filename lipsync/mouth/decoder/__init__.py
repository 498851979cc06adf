"""The decoder texture: a network, trained on the person, that refines the median.

crop     The canonical picture of mouth and chin that the decoder sees and draws
network  The decoder of one person's mouth: lips, sound and head pose → picture of mouth and chi
texture  Mouth and chin by a decoder that was trained on the person (`lipsync train-mouth`)
"""
