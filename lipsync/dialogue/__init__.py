"""Who speaks when, from which sound, and the soundtrack of the result.

driving_audio  The speech that each mouth follows, on the output's time line
soundtrack     The sound of the result
span_files     Spans read from files of subtitles, speech recognizers and dubbing programs
span_formats/  The formats of these files, one module each
span_fitting   Spans fitted to the target: in order, apart from one another, cut at its end
spans          Spans of the target with new speech, their times, and whom a cue names
speaker_parts  Which speaker speaks what, when, and with which face
"""
