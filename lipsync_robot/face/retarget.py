"""Human landmarks to robot landmarks. Seed 001, summer report, equation 1: (H_frame - H_static) * alpha + R_static."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import BadInputError
from .landmarks import POINTS, REGIONS, ROBOT_POINTS, robot_landmarks

MOTIONS = 16  # principal motions kept of a robot's face: a few more than it has motors


@dataclass(frozen=True)
class RobotFace:
    """What babbling showed of a robot's face, cm in its camera's metric face.

    Its landmarks move in as many ways as it has motors; what lies outside those motions, or further along them than
    the robot ever went, it cannot do.
    """

    static: np.ndarray  # (113, 2) at neutral
    motions: np.ndarray  # (k, 226) orthonormal
    low: np.ndarray  # (k,) cm, how far along each motion it goes
    high: np.ndarray  # (k,)

    @classmethod
    def learned(cls, landmarks: np.ndarray, static: np.ndarray) -> "RobotFace":
        """landmarks (n, 113, 2) of n random commands, static (113, 2) -> the face."""
        displacement = (landmarks - static).reshape(len(landmarks), -1)
        _, _, motions = np.linalg.svd(displacement, full_matrices=False)
        along = displacement @ motions[:MOTIONS].T
        return cls(static, motions[:MOTIONS], along.min(0), along.max(0))

    @classmethod
    def load(cls, path: Path) -> "RobotFace":
        with np.load(path) as data:
            return cls(data["static"], data["motions"], data["low"], data["high"])

    def save(self, path: Path) -> None:
        """Writes an .npz that load reads."""
        np.savez(path, static=self.static, motions=self.motions, low=self.low, high=self.high)

    def reachable(self, landmarks: np.ndarray) -> np.ndarray:
        """landmarks (113, 2) -> the nearest that the robot's motions and their limits allow."""
        along = np.clip(self.motions @ (landmarks - self.static).ravel(), self.low, self.high)
        return self.static + (along @ self.motions).reshape(ROBOT_POINTS, 2)


def load_static(path: Path) -> np.ndarray:
    """A human face at rest from an .npy file, (468, 3) cm in the metric face. Raises BadInputError."""
    face = np.load(path)
    if face.shape != (POINTS, 3) or not np.isfinite(face).all():
        raise BadInputError(f"{path}: holds {face.shape}, not 468 finite points of x, y, z.")
    return face


@dataclass
class Retarget:
    """alpha: per region of the face, how much further the robot moves than the human; a region not named moves alike."""

    human_static: np.ndarray  # (468, 3) cm
    robot: RobotFace
    alpha: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._alpha = np.ones((ROBOT_POINTS, 1))
        for region, value in self.alpha.items():
            self._alpha[REGIONS[region]] = value

    def __call__(self, human: np.ndarray) -> np.ndarray:
        """human (468, 3) cm -> robot landmarks (113, 2) cm that the robot can reach. NaN passes, for the guard to refuse."""
        displacement = robot_landmarks(human) - robot_landmarks(self.human_static)
        return self.robot.reachable(self.robot.static + self._alpha * displacement)
