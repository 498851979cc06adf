"""What is reported about a run: results, warnings, the contact sheet, the page of an inspection.

contact_sheet       Telling moments of target and result, and both mouths enlarged, as a PNG
diagnostics         Warnings and statistics of a render
estimate            What a dry run of a render finds
face_tiles          Parts of frames around a face, enlarged, for sheets and comparisons
health              What `doctor` finds: checks, and how fast each stage is
heat_map            Where in a face a question is answered worst, as an overlay
inspection_charts   Geometry of the charts on the page of an inspection
inspection_content  What that page shows of a result
inspection_page     The page of an inspection: one HTML file
inspection_words    Every word that the page says by itself
lettering           Words in pictures
mouth_course        What a mouth does over a render, and where the speech asks it to close
page_media          A small copy of a video for a page, and pictures of moments
render_report       What is to be told of a render, settled before its first frame
results             The return values of the commands
side_by_side        A frame of target and result side by side, with both mouths below
telling_moments     Which moments of a render tell most about it
"""
