"""What the marks of outputs survive and cost → marks.md.

attacks       What may happen to a marked video: re-encoding, uploads, edits
false_alarms  Payloads read in videos that have no mark
marked_clips  Clips with a mark where a render draws, encoded as a render does, read again
outputs       Marks of a finished render: their cost, and what breaks its signature
survival      The watermark read after every attack, and how far it changes the picture
watermark     The whole page
"""
