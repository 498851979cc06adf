"""The questions that an inspection asks, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What a viewer would ask, and what the answer means."""

    key: str
    text: str
    yes: str  # plain words, where the scores say yes
    no: str  # where they do not


QUESTIONS = {
    one.key: one
    for one in (
        Question(
            "blur",
            "Is the face blurrier than the rest?",
            "Mouth or face lack fine detail that the rest of the picture has.",
            "Mouth and face are as sharp as the rest.",
        ),
        Question(
            "flicker",
            "Does the face flicker?",
            "The lower face changes from frame to frame more than its motion explains.",
            "The lower face is as steady as the rest.",
        ),
        Question(
            "skin_tone",
            "Does the skin tone change at the border of the face?",
            "Skin changes its color along the border of a region.",
            "The skin tone runs on across the face.",
        ),
        Question(
            "double_edges",
            "Are chin, brows or edges doubled?",
            "An edge of the face appears twice.",
            "Every edge of the face appears once.",
        ),
        Question(
            "covered",
            "Does the face break where something covers it?",
            "The face blurs or flickers where a hand or an object covers it.",
            "The face stays whole where something covers it.",
        ),
        Question(
            "sync",
            "Do the lips fit the sound?",
            "The lips do not follow this sound as real lips do.",
            "The lips follow the sound.",
        ),
        Question(
            "silence",
            "Does the mouth move in silence?",
            "The mouth moves, or stays open, although nothing is heard.",
            "The mouth rests in silence.",
        ),
        Question(
            "closures",
            "Do the lips meet at p, b and m?",
            "Lips stay open at sounds that need them shut.",
            "The lips meet where the sound needs it.",
        ),
        Question(
            "motion",
            "Do lips and head move like a person's?",
            "Lips, jaw and head move unlike those of real speech.",
            "Lips, jaw and head move as in real speech.",
        ),
        Question(
            "noise",
            "Are color and noise the same all over the face?",
            "Grain or color statistics of the mouth differ from those around it.",
            "Grain and color are the same all over the face.",
        ),
        Question(
            "compression",
            "Was a region compressed more often than the rest?",
            "Traces of compression differ between the mouth and the rest.",
            "Traces of compression are the same all over.",
        ),
        Question(
            "identity",
            "Is it the person of the reference pictures?",
            "The face differs from that of the reference pictures.",
            "The face fits the reference pictures.",
        ),
    )
}
