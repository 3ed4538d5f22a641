"""What is known of one person's face: how it rests, and how far each region of it goes; and how a stranger's is learned."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInputError
from . import archive
from .landmarks import POINTS, REGIONS, aperture, robot_landmarks
from .reach import of_regions

UNKNOWN = np.full(len(REGIONS), np.nan)

NOTED_S = 0.2  # between faces that are remembered of a stranger, at first
MOST_NOTED = 256  # faces; then every other one is dropped, and they are noted half as often
EASE_S = 1.0  # in which what is newly known of a face comes to count
GONE_S = 2.0  # after so long without a face it may be another person's


@dataclass(frozen=True)
class HumanFace:
    static: np.ndarray  # (468, 3) cm at rest, metric face
    reach: np.ndarray  # (4,) cm from rest, of each of REGIONS; NaN where it was never seen to move

    @classmethod
    def observed(cls, rest: np.ndarray, grimaces: np.ndarray | None = None) -> "HumanFace":
        """rest (n, 468, 3) cm: a face that is mostly at rest or speaks; grimaces (m, 468, 3): one that goes as far as it can.
        Without them its reach stays unknown."""
        static = closed_mouth(rest)
        if grimaces is None:
            return cls(static, UNKNOWN)
        return cls(static, of_regions(robot_landmarks(grimaces), robot_landmarks(static)))

    @classmethod
    def load(cls, path: Path) -> "HumanFace":
        """What save wrote. Raises BadInputError."""
        arrays = archive.read(path, ("static", "reach"), f"Make one: lipsync-robot calibrate neutral --output {path}")
        face = cls(arrays["static"], arrays["reach"])
        if face.static.shape != (POINTS, 3) or not np.isfinite(face.static).all():
            raise BadInputError(f"{path}: its face at rest is {face.static.shape}, not {POINTS} finite points of x, y, z.")
        if face.reach.shape != UNKNOWN.shape:
            raise BadInputError(f"{path}: it holds the reach of {face.reach.size} regions, not of {', '.join(REGIONS)}.")
        return face

    def save(self, path: Path) -> None:
        """Writes an .npz that load reads."""
        archive.write(path, {"static": self.static, "reach": self.reach})


def closed_mouth(faces: np.ndarray) -> np.ndarray:
    """faces (n, 468, 3) -> (468, 3): the median of the quarter of them whose mouth is least open."""
    opening = aperture(faces)
    return np.median(faces[opening <= np.quantile(opening, 0.25)], axis=0).astype(np.float32)


class Stranger:
    """A person of whom nothing was known: their face at rest, better known the longer they are watched.

    The first face that is seen counts as one at rest, until there are better ones.
    """

    def __init__(self) -> None:
        self._noted: list[np.ndarray] = []
        self._seen = -np.inf  # s, when
        self._static = np.full((POINTS, 3), np.nan, np.float32)

    def __call__(self, face: np.ndarray, moment: float) -> HumanFace:
        """face (468, 3) cm at a moment in s -> what is known by then. What is not finite is no face to learn from."""
        if not np.isfinite(face).all():
            return HumanFace(self._static, UNKNOWN)
        passed, self._seen = moment - self._seen, moment
        if not 0 <= passed <= GONE_S:
            self._noted, self._every, self._at = [], NOTED_S, -np.inf
            self._static = face.astype(np.float32)
        if moment - self._at >= self._every:
            self._note(face)
            self._at = moment
        self._static = self._static + (1 - np.exp(-passed / EASE_S)) * (self._known - self._static)
        return HumanFace(self._static, UNKNOWN)

    def _note(self, face: np.ndarray) -> None:
        self._noted.append(face)
        if len(self._noted) > MOST_NOTED:
            del self._noted[1::2]
            self._every *= 2
        self._known = closed_mouth(np.array(self._noted))
