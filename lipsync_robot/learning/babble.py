"""The twin learns what its motors do to its face: random commands, and the landmarks that they lead to."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..face.landmarks import robot_landmarks
from ..motors.description import Robot
from ..twin.camera import Camera
from ..twin.simulation import FaceSimulation
from ..vision.facemesh import FaceMesh
from .progress import track

SETTLE_S = 0.4  # over twice the time of a full stroke
LOOKS = 3  # FaceMesh follows a face from picture to picture: a new expression takes it a few
WIDTH, HEIGHT = 320, 240  # pixels

Source = Literal["exact", "camera"]


class Babble(NamedTuple):
    commands: np.ndarray  # (n, motors) in 0..1
    landmarks: np.ndarray  # (n, 113, 2) cm, metric face
    static: np.ndarray  # (113, 2) cm, at neutral

    def save(self, path: Path) -> None:
        """Writes an .npz that load reads."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **self._asdict())

    @classmethod
    def load(cls, path: Path) -> "Babble":
        with np.load(path) as data:
            return cls(data["commands"], data["landmarks"], data["static"])


def babble(robot: Robot, samples: int, source: Source, seed: int) -> Babble:
    """Moves the twin to `samples` random poses. source: skinned vertices, or FaceMesh on rendered pictures.

    Commands are uniform, with one motor in five at its neutral: mouths at rest and half expressions are not rare in use.
    """
    random = np.random.default_rng(seed)
    commands = random.random((samples, len(robot.motors)))
    commands = np.where(random.random(commands.shape) < 0.2, robot.neutral, commands)
    simulation = FaceSimulation()
    look = _exact(simulation) if source == "exact" else _camera(simulation)
    static = look()
    assert static is not None, "FaceMesh does not find the twin at rest"
    kept, seen = [], []
    for command in track(commands, f"babbling, {source} landmarks"):
        simulation.command(command)
        simulation.advance(SETTLE_S)
        face = look()
        if face is not None:
            kept.append(command)
            seen.append(face)
    return Babble(np.array(kept), robot_landmarks(np.array(seen)), robot_landmarks(static))


def _exact(simulation: FaceSimulation) -> Callable[[], np.ndarray | None]:
    return simulation.landmarks


def _camera(simulation: FaceSimulation) -> Callable[[], np.ndarray | None]:
    camera, mesh = Camera(simulation, WIDTH, HEIGHT), FaceMesh()

    def look() -> np.ndarray | None:
        picture = camera.picture()
        faces = [mesh(picture) for _ in range(LOOKS)]
        return None if faces[-1] is None else faces[-1].points

    return look
