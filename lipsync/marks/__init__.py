"""Marks: every output says that it was generated, and the marks can be read back.

`marking.py` puts them on, `reader.py` reads them, `judgement.py` tells what they say together. All
name the same record by its id. docs/marks.md says what each claims and what removes it.

    breathing            What the frames of a video show of the watermark: a breathing picture
    c2pa_library         The C2PA library: without a network, errors of one line
    carriers             The grid over the lower face, and the patterns that carry the bits
    certificate          Who signs: the user's certificate, or a local self-made one
    content_credentials  The signed account of what was done (C2PA): writing it
    credentials_reader   Reading it: whether it holds, who signed
    judgement            The state of every mark, and of all together
    marking              The marks of one output, from its first frame to its last byte
    options              How outputs are marked
    origin               The record of an output and its id, statements, the comment
    payload              A record's id as coded symbols, and back
    reader               Reading all marks but the watermark
    sidecar              The JSON file beside an output
    visible_label        A short notice in the picture
    watermark            The record's id hidden in the generated part of the picture
    watermark_reader     Reading that id from the frames of a video
    xmp                  The XMP packet with the digital source type
"""
