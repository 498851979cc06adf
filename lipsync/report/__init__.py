"""What is said of a render: results, warnings, provenance, the contact sheet.

contact_sheet  The contact sheet: consecutive frames of target and result side by side, and both
diagnostics    What is to be said of a render beside its frames: coverage, warnings, which frame
provenance     What a result says about itself: that its mouth was generated, by what, and from
results        What the commands give back: what was made, and what was measured of it
"""
