"""`lipsync ui`: the page for people, in one process with the service (docs/ui.md).

page           its tabs, its look, and how it hangs in the service; start reading here
render_tab     one speech onto one video: files, face, settings, preview, queue, result
batch_tab      many speeches onto their videos
inspect_tab    the evidence in a video, and its marks
swap_tab       a face swap: footage of both, consent, training with pictures, the video
swap_project   the steps of a swap, each by its command; it goes on where it was stopped
settings_form  the settings of a render as controls
face_picker    the faces of a video, to press the one that speaks
settings       the options on the page: which, as what, and what they are as a command
pieces         small pieces of HTML
texts          all words of the page, from one file
studio         what the page has done, all of it through the service
studio_worker  the process that finds faces, makes previews and inspects
"""
