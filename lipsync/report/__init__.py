"""What is reported about a run: results, warnings, provenance, the contact sheet.

contact_sheet      Consecutive frames of target and result, and both mouths enlarged, as a PNG
diagnostics        Warnings and statistics of a render
provenance         Marks in and next to an output: that it was generated, by what, from what
provenance_reader  Reading these marks
results            The return values of the commands
"""
