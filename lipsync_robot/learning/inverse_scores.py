"""How well an inverse model knows its robot, beside the seeds' baselines: nearest neighbour and random commands.

Seed 001, summer report, section 6.2.1 and its figures 11 to 13.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .inverse import Faces

Solve = Callable[[np.ndarray], np.ndarray]  # landmarks (113, 2) cm -> commands (motors,)
TIMED = 200  # faces


class Scores(NamedTuple):
    """Errors are mean absolute ones of commands, as shares of the range."""

    motors: np.ndarray  # (motors,)
    nearest: np.ndarray  # (motors,)
    random: np.ndarray  # (motors,)
    speedup: float  # against the nearest neighbour, median of single faces
    known: int  # faces that the neighbour is searched among
    tested: int

    def figures(self) -> dict[str, float]:
        return {
            "mae": float(self.motors.mean()),
            "mae_max_motor": float(self.motors.max()),
            "nearest_neighbour_mae": float(self.nearest.mean()),
            "random_mae": float(self.random.mean()),
            "speedup_vs_nearest_neighbour": self.speedup,
            "faces_known": self.known,
            "faces_tested": self.tested,
        }


def scores(solve: Solve, test: Faces, known: Faces, seed: int = 0) -> Scores:
    """solve: the model. test: faces that neither it nor `known` has seen."""
    neighbour = nearest_neighbour(known)
    random = np.random.default_rng(seed)
    found = np.array([solve(face) for face in test.landmarks])
    near = np.array([neighbour(face) for face in test.landmarks])
    anything = random.random(test.commands.shape)
    ours, nearest, chance = (np.abs(commands - test.commands).mean(0) for commands in (found, near, anything))
    timed = test.landmarks[:TIMED]
    speedup = _seconds(neighbour, timed) / _seconds(solve, timed)
    return Scores(ours, nearest, chance, speedup, len(known.commands), len(test.commands))


def nearest_neighbour(known: Faces) -> Solve:
    """The command of the known face that is nearest in its landmarks."""
    faces = known.landmarks.reshape(len(known.landmarks), -1).astype(np.float32)
    squares = np.einsum("ij,ij->i", faces, faces)  # |a - b|^2 = a^2 - 2ab + b^2, and b^2 is the same for all

    def solve(landmarks: np.ndarray) -> np.ndarray:
        return known.commands[np.argmin(squares - 2 * faces @ landmarks.ravel().astype(np.float32))]

    return solve


def _seconds(solve: Solve, faces: np.ndarray) -> float:
    took = []
    for face in faces:
        began = time.perf_counter()
        solve(face)
        took.append(time.perf_counter() - began)
    return float(np.median(took))
