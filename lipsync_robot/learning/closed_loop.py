"""A robot copies a person in front of a camera: what was asked of it, what was sent to it, what was seen of it.

human landmarks -> retarget -> inverse model -> guard -> servos -> camera -> FaceMesh, a frame every 40 ms of the robot's time.

Frame k of what is seen is a picture at the end of the 40 ms for which frame k's command was played, and belongs to frame k of
the human. That grants the servos one frame to arrive, no more: they are known to trail their command by 0.04 s (servo_lag_s in
config/robots/twin.yaml), for which motor_driver sends a pose so much before its moment, and a loop at 25 Hz cannot send it less
than a frame before. No shift is fitted to what is seen; what lag is left is among the scores.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ..errors import BadInputError
from ..face.landmarks import POINTS, ROBOT_POINTS, robot_landmarks
from ..face.metric import MetricFace
from ..motors.body import Body
from ..motors.description import Robot
from ..twin import in_process
from ..twin.camera import Camera
from ..twin.simulation import FaceSimulation
from . import babble
from .inverse_scores import Solve

FRAME_S = 0.04  # of the corpora's video
REST_S = 0.5  # from which on a face that has gone to neutral counts as still
NO_FACE = "{robot}: FaceMesh does not see its face at rest. Light it evenly, from the front."
REST_LOOKS = 8  # that FaceMesh, which follows a face, is given to find its way back to rest

Retarget = Callable[[np.ndarray], np.ndarray]  # human (468, 3) -> robot landmarks (113, 2), both cm in the metric face
Look = Callable[[np.ndarray], MetricFace | None]  # picture (h, w, 3) uint8 RGB -> the face in it


class Played(NamedTuple):
    """n frames, one for each of the human's."""

    asked: np.ndarray  # (n, 113, 2) cm, in the frame of the robot's static face
    sent: np.ndarray  # (n, motors) in 0..1, after the guard, at the end of each frame
    seen: np.ndarray  # (n, 468, 3) cm, metric face; NaN where FaceMesh lost the face


class ClosedLoop:
    """One robot, and one FaceMesh that follows its face from frame to frame."""

    def __init__(self, body: Body, look: Look) -> None:
        """Sees the robot at rest, which is where the displacements of what is seen count from. Raises BadInputError."""
        self._body, self._look = body, look
        faces = self._looks_at_rest()
        if np.isnan(faces).any():
            raise BadInputError(NO_FACE.format(robot=body.robot.name))
        self.rest = faces[REST_LOOKS // 2 :].mean(0)  # (468, 3) cm, metric face

    def play(self, human: np.ndarray, retarget: Retarget, inverse: Solve) -> Played:
        """human (n, 468, 3) cm at 25 Hz. Begins with the robot at rest. Raises BusError where the robot stays away."""
        self._looks_at_rest()
        retarget(np.full((POINTS, 3), np.nan))  # nobody: the search for a face, too, begins at rest
        asked, sent, seen = [], [], []
        for wanted, positions in followed(self._body, human, retarget, inverse):
            asked.append(wanted)
            sent.append(positions)
            seen.append(self._points())
        motors = len(self._body.robot.motors)
        return Played(
            np.array(asked).reshape(-1, ROBOT_POINTS, 2),
            np.array(sent).reshape(-1, motors),
            np.array(seen).reshape(-1, POINTS, 3),
        )

    def _looks_at_rest(self) -> np.ndarray:
        go_to_rest(self._body)
        return np.array([self._points() for _ in range(REST_LOOKS)])

    def _points(self) -> np.ndarray:
        face = self._look(self._body.picture())
        return np.full((POINTS, 3), np.nan) if face is None else face.points


class Standing:
    """Poses that were passed through, gone to once more and looked at as babbling does: standing still, from all its sides.

    One look at the twin differs by 0.048 cm from sixteen at the same pose: more than its poses differ from what is asked.
    """

    def __init__(self, body: Body, look: babble.Look) -> None:
        """Sees the robot at rest, which is where displacements count from. Raises BadInputError."""
        self._body, self._look = body, look
        (rest,) = self._faces(np.array([body.robot.neutral]))
        if rest is None:
            raise BadInputError(NO_FACE.format(robot=body.robot.name))
        self._rest = rest

    def displacement(self, commands: np.ndarray) -> np.ndarray:
        """commands (n, motors) -> (n, 113, 2) cm, from rest; of a face that is not seen, or not still, none."""
        faces = [self._rest if face is None else face for face in self._faces(commands)]
        return robot_landmarks(np.array(faces).reshape(-1, POINTS, 3) - self._rest)

    def _faces(self, commands: np.ndarray) -> Iterator[np.ndarray | None]:
        for pose in babble.moved(self._body, (("whole", command) for command in commands)):
            yield None if pose is None else self._look(pose.views)


def followed(body: Body, human: np.ndarray, retarget: Retarget, inverse: Solve) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Plays human (n, 468, 3) frame by frame -> after each, what was asked (113, 2) cm and what was sent (motors,).

    A frame without a face (NaN) is refused by the guard, which holds the last pose and goes home after 0.25 s, as on a robot.
    """
    for face in human:
        asked = retarget(face)
        yield asked, body.play(inverse(asked), FRAME_S)


def go_to_rest(body: Body) -> None:
    body.go(body.robot.neutral)
    body.play(body.robot.neutral, REST_S)


@contextmanager
def twin(robot: Robot, width: int, height: int, samples: int = 0) -> Iterator[Body]:
    """The twin in this process, in front of its camera. width, height: pixels of its pictures; samples: as twin.camera's."""
    simulation = FaceSimulation()
    camera = Camera(simulation, width, height, samples)
    try:
        with in_process.body(robot, simulation, in_process.TurningEye(camera)) as body:
            yield body
    finally:
        camera.close()
