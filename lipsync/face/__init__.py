"""Faces: landmarks, geometry, pose, appearance, identity.

alignment       Alignment of a face to the canonical mouth space, from points speech does not move
appearance      Thumbnails of mouths, skin color, sharpness, appearance outlier score
face_mesh       Mirror pairs of the MediaPipe face mesh
hand_detection  Hands: 21 joints of each, bundled model
head_pose       Yaw and pitch from landmarks, and lips turned with the head
identity        Face identity: do two sets of frames show the same person?
landmarks/      Landmark detection, tracking, and selection of a face; detected once and cached
lip_mask        Mask of the opening between the lips
native_log      Keep native code from writing its internals to stderr
schemes         Landmark schemes: which points of a detector are which parts of the face
similarity      Similarity and affine maps of the plane
smoothing       Zero-phase smoothing over time (Savitzky–Golay), and gap filling
thin_plate      Thin-plate warps of pictures, evaluated on a coarse grid
tracked_face    One face tracked through a video, with its alignment and derived values
"""
