"""The twin copies a twin: what was asked, sent and seen belongs together, and what was not seen is not made up."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.errors import BadInputError
from lipsync_robot.face import scores
from lipsync_robot.face.landmarks import aperture, mouth_width, robot_landmarks
from lipsync_robot.face.profile import UNKNOWN, HumanFace
from lipsync_robot.face.retarget import Retarget, RobotFace
from lipsync_robot.learning import closed_loop
from lipsync_robot.learning.closed_loop import FRAME_S, REST_LOOKS, ClosedLoop, Standing
from lipsync_robot.motors.body import Body
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.inverse import InverseModel
from lipsync_robot.resources import resource
from lipsync_robot.twin.rig import NEUTRAL
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision.facemesh import FaceMesh, SteadyLook

WIDTH, HEIGHT = 320, 240
FRAMES = 100


def acted(frames: int) -> np.ndarray:
    """A person (n, 468, 3) cm at 25 Hz who starts at rest and then moves all of the face at random, smoothly: another twin."""
    wild = np.random.default_rng(3).normal(size=(frames + 24, len(NEUTRAL)))
    window = np.hanning(25) / np.linalg.norm(np.hanning(25))
    smooth = np.stack([np.convolve(motor, window, mode="valid") for motor in wild.T], axis=1)
    begun = np.minimum(np.arange(frames) / 10, 1)[:, None]
    simulation, faces = FaceSimulation(), []
    for command in np.clip(NEUTRAL + 0.3 * begun * smooth, 0, 1):
        simulation.place(command)
        faces.append(simulation.landmarks())
    return np.array(faces)


class Blinking:
    """The eye of a body, with moments in which it sees nothing."""

    def __init__(self, body: Body) -> None:
        self._body, self.looks, self.dark = body, 0, range(0)

    def __call__(self, seen: np.ndarray) -> np.ndarray:
        self.looks += 1
        return np.zeros_like(seen) if self.looks - 1 in self.dark else seen


@pytest.fixture(scope="module")
def body(robot: Robot) -> Iterator[Body]:
    with closed_loop.twin(robot, WIDTH, HEIGHT) as body:
        yield body


@pytest.fixture(scope="module")
def face() -> RobotFace:
    return RobotFace.load(resource("models/twin_face.npz"))


@pytest.fixture(scope="module")
def inverse(robot: Robot) -> InverseModel:
    return InverseModel(resource("models/twin_inverse.onnx"), robot.names)


@pytest.fixture(scope="module")
def person() -> np.ndarray:
    return acted(FRAMES)


@pytest.fixture(scope="module")
def retarget(person: np.ndarray, face: RobotFace) -> Retarget:
    return Retarget(HumanFace(person[0], UNKNOWN), face)


def test_who_moves_as_the_robot_can_is_copied(
    body: Body, person: np.ndarray, retarget: Retarget, inverse: InverseModel, face: RobotFace
) -> None:
    loop = ClosedLoop(body, FaceMesh())
    played = loop.play(person, retarget, inverse)
    assert played.asked.shape == (FRAMES, 113, 2)
    assert played.sent.shape == (FRAMES, 11)
    assert scores.correlation(aperture(played.seen), aperture(person)) > 0.95
    assert scores.correlation(mouth_width(played.seen), mouth_width(person)) > 0.9
    moved = robot_landmarks(played.seen - loop.rest)
    assert scores.position_error(moved, played.asked - face.static) < scores.position_error(
        0 * moved, played.asked - face.static
    )


def test_what_is_seen_belongs_to_the_frame_that_was_asked(
    body: Body, person: np.ndarray, retarget: Retarget, inverse: InverseModel
) -> None:
    """The servos' lag, which is known, is all that there is: less than half a frame beyond the one they are granted."""
    seen = ClosedLoop(body, FaceMesh()).play(person, retarget, inverse).seen
    assert abs(scores.lag(aperture(seen), aperture(person), 1 / FRAME_S).seconds) <= FRAME_S / 2


def test_every_clip_begins_at_rest(body: Body, person: np.ndarray, retarget: Retarget, inverse: InverseModel) -> None:
    loop = ClosedLoop(body, FaceMesh())
    first, again = (loop.play(person[40:45], retarget, inverse) for _ in range(2))
    assert_allclose(first.sent, again.sent, atol=1e-6)
    assert_allclose(first.seen, again.seen, atol=0.1)


def test_a_face_that_is_lost_is_told(body: Body, person: np.ndarray, retarget: Retarget, inverse: InverseModel) -> None:
    mesh, blinking = FaceMesh(), Blinking(body)
    loop = ClosedLoop(body, lambda picture: mesh(blinking(picture)))
    before = blinking.looks + REST_LOOKS
    blinking.dark = range(before + 4, before + 7)
    played = loop.play(person[:10], retarget, inverse)
    assert np.flatnonzero(np.isnan(played.seen).any(axis=(1, 2))).tolist() == [4, 5, 6]
    assert np.isfinite(played.sent).all()


def test_a_person_who_is_lost_moves_nothing(body: Body, person: np.ndarray, retarget: Retarget, inverse: InverseModel) -> None:
    human = person[50:62].copy()
    human[8:] = np.nan
    sent = ClosedLoop(body, FaceMesh()).play(human, retarget, inverse).sent
    assert_allclose(sent[9:], sent[8:-1], atol=1e-9)


def test_a_pose_that_stands_still_is_seen_as_one_look_sees_it_and_one_that_is_not_seen_moves_nothing(
    body: Body, robot: Robot
) -> None:
    opened = np.array(robot.neutral)
    opened[robot.names.index("jaw")] = 0.9
    look, shut = SteadyLook(), False
    standing = Standing(body, lambda views: None if shut else look(views))
    seen, still = standing.displacement(np.array([opened, robot.neutral]))
    glances = []
    for pose in (robot.neutral, opened):
        body.go(pose)
        glances.append(look([body.picture()]))
    rest, moved = glances
    assert scores.correlation(seen.ravel(), robot_landmarks(moved - rest).ravel()) > 0.9
    assert np.abs(still).mean() < 0.1 * np.abs(seen).mean()
    shut = True
    assert (standing.displacement(opened[None]) == 0).all()


def test_a_robot_that_is_not_seen_at_rest_is_refused(body: Body) -> None:
    for loop in (ClosedLoop, Standing):
        with pytest.raises(BadInputError, match="twin: FaceMesh does not see its face at rest"):
            loop(body, lambda _: None)
