"""Faces: landmarks, geometry, pose, appearance, identity.

appearance    How mouths look: thumbnails, the light on the skin, sharpness, and what is not lik
face_mesh     Which points of the MediaPipe face mesh (478 points) lie opposite one another
head_pose     Lips as they are seen on a turned head
identity      Is it the same person? By the look of brows, eyes and nose, which speech hardly mo
landmarks/    Landmarks: the faces in every frame, detected once and kept; whose they are; which
lip_mask      Masks of the inside of the lips
schemes       Landmark schemes: which point of a detector is which part of the face
similarity    Similarities and affine maps of the plane
smoothing     Zero-phase smoothing of signals over time (Savitzky–Golay), and filling their gaps
thin_plate    Thin-plate warps of pictures, evaluated on a coarse grid
tracked_face  Fits between the face in a frame and the canonical mouth space
"""
