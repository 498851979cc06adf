"""Who speaks what, when, and what the result sounds like.

driving_audio  The speech that each mouth follows, on the output's time line
soundtrack     The sound of the result
spans          Spans of the target in which somebody speaks: SubRip, WebVTT, JSON, or one segmen
speaker_parts  Who speaks, with which face, what, and when
"""
