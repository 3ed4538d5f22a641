"""The robot without hardware: an 11-motor animatronic face in MuJoCo, its exact landmarks and its camera."""

import os

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "osmesa")  # software rendering; has to be known before mujoco is imported
