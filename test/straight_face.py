"""A robot's face whose landmarks move in proportion to its motors, for tests that know what such a face can do."""

import numpy as np

from lipsync_robot.face.reach import of_regions
from lipsync_robot.face.retarget import RobotFace, principal_motions


def straight_face(commands: np.ndarray, landmarks: np.ndarray, static: np.ndarray, neutral: np.ndarray) -> RobotFace:
    """commands (n, motors) in 0..1, landmarks (n, 113, 2) cm that they made, static (113, 2) that neutral made -> the nearest
    such face, by least squares."""
    motions = principal_motions(landmarks, static)
    along = (landmarks - static).reshape(len(landmarks), -1) @ motions.T
    weight = np.linalg.lstsq(commands - neutral, along, rcond=None)[0].T
    return RobotFace(static, motions, of_regions(landmarks, static), neutral, [(weight, -weight @ neutral)])
