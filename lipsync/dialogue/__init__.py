"""Who speaks when, from which sound, and the soundtrack of the result.

driving_audio  The speech that each mouth follows, on the output's time line
soundtrack     The sound of the result
spans          Spans of the target with new speech: SubRip, WebVTT, JSON, or one segment
speaker_parts  Which speaker speaks what, when, and with which face
"""
