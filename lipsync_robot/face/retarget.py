"""Human landmarks to robot landmarks. Seed 001, summer report, equation 1: (H_frame - H_static) * alpha + R_static."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from . import archive
from .landmarks import REGIONS, ROBOT_POINTS, robot_landmarks
from .profile import HumanFace
from .reach import Layers, SelfModel

MOTIONS = 16  # principal motions kept of a robot's face: a few more than it has motors
LEAST_ALPHA, MOST_ALPHA = 0.5, 2.0  # beyond this a face is more likely to have been seen badly than to be so different


@dataclass(frozen=True)
class RobotFace:
    """What babbling showed of a robot's face, cm in its camera's metric face.

    Its landmarks move in as many ways as it has motors. What lies outside those motions it cannot do; nor what its motors, each
    within its range, do not make of it by its own model of itself.
    """

    static: np.ndarray  # (113, 2) at neutral
    motions: np.ndarray  # (k, 226) orthonormal
    reach: np.ndarray  # (4,) cm from neutral, of each of REGIONS
    neutral: np.ndarray  # (motors,) in 0..1
    layers: Layers  # of SelfModel, to cm along the motions

    KEPT: ClassVar = ("static", "motions", "reach", "neutral")  # in a file, beside the layers

    @classmethod
    def load(cls, path: Path) -> "RobotFace":
        """What save wrote. Raises BadInputError."""
        arrays = archive.read(path, (*cls.KEPT, "weight0", "bias0"), "Learn it: lipsync-robot train inverse BABBLE")
        return cls(**{name: arrays[name] for name in cls.KEPT}, layers=archive.layers(arrays))

    def save(self, path: Path) -> None:
        """Writes an .npz that load reads."""
        archive.write(path, {name: getattr(self, name) for name in self.KEPT} | archive.named(self.layers))

    def reachable(self, landmarks: np.ndarray) -> np.ndarray:
        """landmarks (113, 2) -> the nearest that the robot can do; NaN where one of them is not finite."""
        along = self._itself.nearest(self.motions @ (landmarks - self.static).ravel())
        return self.static + (along @ self.motions).reshape(ROBOT_POINTS, 2)

    @functools.cached_property
    def _itself(self) -> SelfModel:
        return SelfModel(self.layers, self.neutral)


def principal_motions(landmarks: np.ndarray, static: np.ndarray) -> np.ndarray:
    """landmarks (n, 113, 2) of n random commands, static (113, 2) -> (k, 226) orthonormal, k at most MOTIONS."""
    displacement = (landmarks - static).reshape(len(landmarks), -1)
    _, _, motions = np.linalg.svd(displacement, full_matrices=False)
    return motions[:MOTIONS]


@dataclass
class Retarget:
    """Equation 1. alpha, of each region of the face, is how much further the robot can move than the human; where either is
    not known it is 1. gain: per region, what alpha is multiplied by; 1 where it is not named."""

    human: HumanFace
    robot: RobotFace
    gain: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._alpha = np.ones((ROBOT_POINTS, 1))
        for region, alpha in self.alpha.items():
            self._alpha[REGIONS[region]] = alpha * self.gain.get(region, 1.0)

    @property
    def alpha(self) -> dict[str, float]:
        """Of each region, without its gain."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self.robot.reach / self.human.reach
        known = np.where(np.isfinite(ratio), np.clip(ratio, LEAST_ALPHA, MOST_ALPHA), 1.0)
        return dict(zip(REGIONS, known.tolist(), strict=True))

    def __call__(self, human: np.ndarray) -> np.ndarray:
        """human (468, 3) cm -> robot landmarks (113, 2) cm that the robot can reach. NaN passes, for the guard to refuse."""
        displacement = robot_landmarks(human) - robot_landmarks(self.human.static)
        return self.robot.reachable(self.robot.static + self._alpha * displacement)
