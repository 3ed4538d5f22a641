"""A face that acts, as FaceMesh would see it: still, but for the moves that it is told to make."""

from typing import NamedTuple

import numpy as np

from lipsync_robot.face.landmarks import CANONICAL, CORNER_LEFT, CORNER_RIGHT, LOWER_LIP
from lipsync_robot.learning.expressions import Clip
from lipsync_robot.vision.expression import LIDS

FACE = CANONICAL.vertices


def around(point: int, radius: float, direction: tuple[float, float, float]) -> np.ndarray:
    """(468, 3) cm: what is within so many cm of a point goes that way."""
    far = np.linalg.norm(FACE - FACE[point], axis=1)
    return np.exp(-((far / radius) ** 2))[:, None] * np.array(direction)


SMILE = around(CORNER_RIGHT, 2.5, (-0.9, 0.9, -0.2)) + around(CORNER_LEFT, 2.5, (0.9, 0.9, -0.2))
GAPE = around(LOWER_LIP, 3.5, (0, -1.2, 0))
SNEER = around(CORNER_LEFT, 3.0, (0.8, 1.2, 0))
BLINK = np.zeros_like(FACE)
BLINK[LIDS, 1] = -0.4


class Move(NamedTuple):
    where: np.ndarray  # (468, 3) cm, at its peak
    begins_s: float
    rises_s: float
    holds_s: float = 1.0

    @property
    def peaks_s(self) -> float:
        return self.begins_s + self.rises_s


def smooth(x: np.ndarray) -> np.ndarray:
    """0 to 1 with least jerk: the acceleration peaks after a fifth of it."""
    x = np.clip(x, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x * x)


def acted(moves: list[Move], stamps: np.ndarray, jitter_cm: float = 0.01, seed: int = 0) -> np.ndarray:
    """-> (n, 468, 3) cm at stamps (n,) s; a move goes back as fast as it came."""
    faces = FACE + np.random.default_rng(seed).normal(0, jitter_cm, (len(stamps), *FACE.shape))
    for move in moves:
        there = smooth((stamps - move.begins_s) / move.rises_s)
        back = smooth((stamps - move.peaks_s - move.holds_s) / move.rises_s)
        faces += (there - back)[:, None, None] * move.where
    return faces


def person(name: str, seed: int) -> Clip:
    """Somebody of their own proportions and temper, who smiles, gapes and sneers, three times each."""
    random = np.random.default_rng(seed)
    shape = 1 + random.normal(0, 0.03, 3)
    moves, at = [], 1.0
    for where in (SMILE, GAPE, 1.3 * SNEER) * 3:
        rises = random.uniform(0.4, 0.7)
        moves.append(Move(where * random.uniform(0.8, 1.4), at, rises))
        at += 2 * rises + 2.0
    stamps = np.arange(0, at, 1 / 30)
    return Clip(name, name, float(at), stamps, (acted(moves, stamps, seed=seed) * shape).astype(np.float32))
