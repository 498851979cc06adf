"""The formats that spans are read from, one module each; `span_files` finds out which it is.

cue            What a file says of a span, before it is known to be one
text_file      Text files: their encoding, and JSON in them
sound_file     Sound files that spans name
subtitles      SubRip and WebVTT
segments       The JSON of speech recognizers: a list of segments
open_dubbing   The utterance metadata of open-dubbing, with a sound file for each line
pyvideotrans   Who speaks a SubRip file of pyvideotrans: tags, or speaker.json beside it
krillin        The dubbing plan of KrillinAI
linly          The translation of Linly-Dubbing, with a sound file for each line
ttml           TTML and its profiles IMSC and DFXP: an XML document of timed paragraphs
ttml_tree      Which elements of a TTML document are cues, when, and spoken by whom
ttml_times     Time expressions of TTML, and the clock that a document counts by
"""
