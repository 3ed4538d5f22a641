"""The expression mapping network as it runs: human landmarks to robot landmarks, whoever the human is.

Seed 001, summer report, section 5; learning/mapping.py trains it. It stands in for face.retarget.Retarget, and needs to know
nothing of the person.
"""

from pathlib import Path

import numpy as np

from ..errors import BadInputError
from . import archive
from .landmarks import ROBOT_POINTS, robot_landmarks
from .retarget import RobotFace

SAME_FACE_CM = 0.1  # mean distance between a robot's resting faces from two babblings
MEMORY = 500  # frames: 10 s of speech
LARGEST_CM = 5.0  # that a landmark of a person may lie from the robot's along x or y: a face wide open stays below
REMEDY = "Train one: lipsync-robot train mapping PREPARED --data CORPUS --babble BABBLE"


class Mapping:
    """Takes off a person's identity, which is learned from all that was seen of them lately.

    The seed takes each frame's own weights w. They wander with the mouth, part of whose width is then lost as identity (its r
    over ten strangers: 0.62). A person stays the same, so here w is the mean over their frames (0.90).
    """

    def __init__(self, path: Path, robot: RobotFace) -> None:
        """path: what `lipsync-robot train mapping` wrote for this robot. Raises BadInputError."""
        arrays = archive.read(path, ("static", "directions"), REMEDY)
        self._directions = arrays["directions"]
        self._layers = archive.layers(arrays)
        if np.linalg.norm(arrays["static"] - robot.static, axis=1).mean() > SAME_FACE_CM:
            raise BadInputError(f"{path}: was trained for a robot of another face. {REMEDY}")
        self._robot = robot
        self._weights = np.zeros(len(self._directions))
        self._seen = 0  # frames, at most MEMORY

    def __call__(self, human: np.ndarray) -> np.ndarray:
        """human (468, 3) cm -> robot landmarks (113, 2) cm that the robot can reach. NaN passes, for the guard to refuse."""
        landmarks = robot_landmarks(human)
        beside = landmarks - self._robot.static
        if np.abs(beside).max() < LARGEST_CM:  # so neither is NaN
            self._seen = min(self._seen + 1, MEMORY)
            self._weights += (self._predicted(beside) - self._weights) / self._seen
        taken_off = (self._weights @ self._directions).reshape(ROBOT_POINTS, 2)
        return self._robot.reachable(landmarks + taken_off)

    def _predicted(self, beside: np.ndarray) -> np.ndarray:
        """beside (113, 2) cm from the robot's resting face -> (11,)."""
        layer = beside.ravel()
        for weight, bias in self._layers[:-1]:
            layer = np.maximum(weight @ layer + bias, 0)
        weight, bias = self._layers[-1]
        return weight @ layer + bias
