"""Telling a made video from a recording: questions, measures, scores.

    frames ─ face_view → picture measures ── per frame ─┐
                                                         ├→ spans → reference → likelihood
    track and sound ──── track measures ──── per span ──┘

Read `questions`, then `watches` and `track_measures`: the tables of everything that is measured.

blur              Sharpness of mouth and face against the rest of the same frame
closures          Whether the lips meet at p, b and m
compression       Traces of compression in the lower face against the upper
covered           Blur and flicker of the face where a hand covers it
dense             Small networks of matrix products
double_edges      Edges that appear twice: of the chin and of the brows
dynamics_network  A network that tells made motion of lips, chin and head from real
evidence          What a video shows and says, as the measures of lips and sound need it
face_view         The face in one frame, resampled upright, with its regions
flicker           Changes of the lower face that its motion does not explain
identity          The face of a video against that of reference pictures
likelihood        One calibrated likelihood from the scores of all questions
lip_sound         Lag and correlation of lips and sound, and how far other sounds fit
measures          The measures: what they are, and how they are computed
noise             Grain and color noise of the lower face against those of the cheeks
obedience         Whether lips follow the sound as our own speech model has them
once              What several spans need, computed once
picture_pass      One pass over the frames: every picture measure of every frame
questions         The questions, and what their answers mean
reference         The distribution of real footage, and z-scores against it
scoring           Measured values → scores, answers, the worst moments
shared_work       Work that several picture measures share: bands of detail, optical flow
silence_motion    Motion of the mouth, and an open mouth, in pauses
skin_tone         Skin tone across borders, and off the hue of neck and shadows
smoothness        Jitter, smoothness and coupling of lips and jaw
sync_network      A network that compares lips with sound: offset, distance, confidence
track_measures    The table of measures of lips, head and sound
trajectories      Lips, jaw and head over time, at a common rate
watches           The table of everything that watches the pictures
ways              The ways of making a video, each with a detector of its own
"""
