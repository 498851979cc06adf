"""The commands, each a straight line through the stages.

render           `render`: start reading here
arguments        what callers give to a command, in whatever form
request          what a render is asked to make, read and checked before any work
render_plan      what a render decides first: script, length, sound, faces, time line
recipe           all that an output is made from: a plan that can be kept and sent
render_output    writing the output: its frames, encoded and marked
render_parts     a file in parts, which an interrupted render leaves to the next one
part_store       finished parts, kept until the output is complete
frame_making     the frames of an output, part by part
change_mask      which pixels of an output a render changed, as a video
output_frames    all frames of an output in this process: with the notice, looked at by sheets
finished_output  the frames of a complete output, each beside the target's picture that it shows
sheet_making     contact sheets: what they show is chosen from plan and logs
comparison       target and result side by side, as a video
part_making      one part of an output: its frames made and encoded, and what happened
part_worker      a process that makes parts
part_workers     processes that make parts beside this one
speaker_drawing  one speaker's mouth being drawn into frames: texture → teeth → composite
speaker_render   one speaker's mouth, from speech and face to finished frames
speaker_plan     what a speaker's lips do and what the mouth is made from
person           finding a person: in the target, in references, in a picture of their teeth
adapt            `adapt`: the speech model fine-tuned on a person
train_decoder    `train_mouth`: a decoder of a person's mouth
swap             `swap`: another person's face
swap_preview     one frame of a swap under a grid of options
swap_setup       what a swap and its preview share
extract_faces    `extract_faces`: a person's faces, to train a swap from
face_footage     the footage of a face set: faces found once, frames sampled
inspect          `inspect`: evidence on whether a video was made, and its marks
measure_face     all measures of a face for an inspection: pictures, lips, sound
verify_marks     `verify_marks`: all marks of a file, and whether they hold
show_faces       `show_faces`: the faces of a video in one picture, to choose from
doctor           `diagnose`: the installation, the machine, the speed of every stage
doctor_checks    its checks: programs, packages, weights, folders, devices, signing
estimate         `estimate_render`: a dry run, with what a render would take
estimate_state   what can be known of a render without making anything
render_costs     what renders were measured to cost
outputs          where results go, and whether they can be written there
"""
