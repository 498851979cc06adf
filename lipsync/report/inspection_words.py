"""Every word that the page of an inspection says by itself, in one place, for translators.

Questions, answers, reasons and the words of marks come with the result.
"""

from __future__ import annotations

LANGUAGE = "en"

TEXT = {
    "title": "Inspection of {name}",
    "kind": "Inspection report",
    "skip": "Skip to the finding",
    "skip_questions": "Skip to the questions",
    "made_by": "lipsync {version}, {date}",
    # Finding
    "finding": "Finding",
    "likelihood": "Likelihood that the video was made",
    "likelihood_of": "{percent} %",
    "most_likely": "Most likely, {way}.",
    "unknown": "cannot be told",
    "finding_high": "Very likely made or altered",
    "finding_made": "Probably made or altered",
    "finding_open": "Some signs, too few to call it made",
    "finding_low": "No sign that it was made",
    "finding_none": "Whether it was made cannot be told",
    "threshold": "Called made from {percent} %",
    "threshold_short": "threshold",
    "prior": "Made and recorded videos are taken to be equally likely before looking.",
    "evidence": "This is evidence, not a verdict.",
    "evidence_more": (
        "A made video can look unremarkable, and a recording can look odd: bad light, heavy "
        "compression, a beauty filter or an unusual face. Look at the moments below, and at where "
        "the video comes from, before you conclude anything."
    ),
    "against": "Measured against",
    "error_rates": "How often it errs",
    "error_rates_none": "no error rates are known",
    "file": "File",
    "hash": "SHA-256",
    "length": "Length",
    "length_of": "{seconds} s, {frames} frames at {fps} per second",
    "face_frames": "Frames that show the face",
    "face_frames_of": "{count} of {frames}",
    "source": "Compared with",
    "warnings": "Take note",
    # Answers at a glance
    "glance": "Answers at a glance",
    "question": "Question",
    "answer": "Answer",
    "score": "Score",
    "score_about": "Score: standard deviations from real footage; from {least} on it stands out.",
    "suspicious": "Stands out",
    "unremarkable": "Unremarkable",
    "not applicable": "Not applicable",
    "none": "–",
    # Video and timeline
    "watch": "The video and its scores through time",
    "video": "The inspected video",
    "video_source": "What it was compared with",
    "no_video": (
        "The video is too long to be part of this page. Choose the file to watch it here; it does "
        "not leave this computer."
    ),
    "choose": "Choose the video file",
    "play": "Play",
    "pause": "Pause",
    "back": "Back one frame",
    "forward": "Forward one frame",
    "speed": "Speed",
    "sound": "Sound",
    "view": "View",
    "view_result": "Inspected video",
    "view_both": "Side by side",
    "view_flip": "A/B flip",
    "flip": "Flip to the other video",
    "flip_shows": "Shows: {name}",
    "position": "Position in the video",
    "position_of": "{time}, frame {frame}",
    "position_likelihood": "likelihood here {percent} %",
    "shortcuts": "Keyboard shortcuts",
    "keys": (
        "Space or K plays and pauses; ← and → step a frame, with Shift a second; J and L jump two "
        "seconds; N goes to the next moment; H shows and hides heat maps; B flips the two videos; "
        "Escape returns to the moment that you came from."
    ),
    "timeline": "Scores through time",
    "timeline_about": (
        "Each cell is a window of about {window} s. The higher and darker a bar, the farther from "
        "real footage; bars that cross the line stand out. Click or drag to go there."
    ),
    "overall": "Likelihood",
    "shots": "Shots",
    "shot": "Shot {number}",
    "shot_of": "Shot {number}: {start} to {end}",
    "legend_cell": "Score",
    "legend_none": "not applicable",
    "timeline_table": "The same as a table",
    "window": "From – to",
    "no_timeline": "There are no scores to show.",
    # Questions
    "questions": "The questions, one by one",
    "measure": "What was measured",
    "value": "Value",
    "among_real": "Among real footage",
    "among_axis": "−3 to 6 or more; the shaded part holds 95 % of real clips, the line is {least}",
    "beyond": "farther out than {percent} % of real clips",
    "within": "as in real footage",
    "no_score": "No score: {reason}",
    "moments": "Worst moments",
    "moments_count": "moments that stand out: {count}",
    "no_moments": "No moment stands out.",
    "moment_of": "Go to {time}, frame {frame}: {question}",
    "moment_caption": "{time}, frame {frame}",
    "moment_score": "score {z}",
    "enlarged": "face ×{factor}",
    "heat": "Heat map",
    "heat_of": "Heat map of: {question}",
    "heat_scale": "cold: as the rest of the face; hot: far off it",
    "curve": "Frame by frame: {measure}",
    "heat.blur": "Hot: fine detail is missing that the upper face has.",
    "heat.flicker": (
        "Hot: the picture changed since the frame before more than its motion explains."
    ),
    "heat.skin_tone": "Hot: the color steps near the border of the lower face.",
    "heat.double_edges": "Hot: a second edge runs beside the first.",
    "heat.covered": (
        "Hot: the picture changed since the frame before more than its motion explains."
    ),
    "heat.sync": "Hot: what moved since the frame before.",
    "heat.silence": "Hot: what moved since the frame before.",
    "heat.closures": "Hot: what moved since the frame before.",
    "heat.motion": "Hot: what moved since the frame before.",
    "heat.noise": "Hot: the grain is stronger or weaker than in the upper face.",
    "heat.compression": "Hot: another compression would lose more or less than in the upper face.",
    # Marks
    "marks": "Marks in the file",
    "marks_about": (
        "Marks that say how a video was made. One that is absent proves nothing: many programs "
        "remove them."
    ),
    "mark": "Mark",
    "state": "State",
    "meaning": "What it says",
    "no_marks": "No marks were looked for.",
    "valid": "Valid",
    "altered": "Altered",
    "stripped": "Stripped",
    "untrusted": "Untrusted",
    "absent": "Absent",
    # How to read
    "reading": "How to read this report",
    "reading_score": (
        "Every number that was measured is placed among the same numbers of real footage. The "
        "score is the distance from its middle in standard deviations: about 95 of 100 real clips "
        "lie below 2 on both sides, and very few reach {least}. The score of a question is the "
        "highest of its measures, so a single one that stands out is not rare among so many."
    ),
    "reading_likelihood": (
        "The likelihood compares the scores with those of videos made in known ways: another sound "
        "laid on, a mouth made to speak, a face painted over, motion disturbed. The way whose "
        "traces are strongest decides. Videos made in other ways may be missed."
    ),
    "reading_private": (
        "This page is one file. It loads nothing from the network and sends nothing; the videos in "
        "it are small copies, the measurements were made on the file itself."
    ),
}
