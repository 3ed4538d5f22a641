"""One pose after the other: through the guard, never faster than it lets, and looked at once the face is still."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.motors import description
from lipsync_robot.motors.body import TICK_S, Body
from lipsync_robot.motors.bus import BusError
from lipsync_robot.motors.description import Robot
from lipsync_robot.resources import resource
from lipsync_robot.twin.in_process import ServoEye, SimulatedBus, SimulatedTime, body
from lipsync_robot.twin.simulation import BACKLASH, FaceSimulation


class Noted(SimulatedBus):
    """Remembers what it was told, tick by tick."""

    def __init__(self, robot: Robot, simulation: FaceSimulation) -> None:
        super().__init__(robot, simulation)
        self.told: list[np.ndarray] = []

    def write(self, targets: np.ndarray) -> None:
        self.told.append(targets)
        super().write(targets)


class Trembling(ServoEye):
    def __init__(self, simulation: FaceSimulation) -> None:
        super().__init__(simulation)
        self.trembles = False
        self._random = np.random.default_rng(0)

    def picture(self) -> np.ndarray:
        return super().picture() + (self._random.integers(0, 200, 11, dtype=np.int16)[None, :, None] if self.trembles else 0)


@pytest.fixture
def robot() -> Robot:
    return description.load(resource("config/robots/twin.yaml"))


def poses(robot: Robot, count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, len(robot.motors)))


def test_a_face_is_still_where_it_was_told_to_be(robot: Robot) -> None:
    simulation = FaceSimulation()
    with body(robot, simulation, ServoEye(simulation)) as twin:
        for pose in poses(robot, 10):
            assert_allclose(twin.go(pose), pose, atol=1e-6)
            assert twin.comes_to_rest(pose)
            assert_allclose(simulation.positions, pose, atol=BACKLASH + 2e-3)
            before = simulation.positions
            twin.play(pose, 0.5)
            assert_allclose(simulation.positions, before, atol=1e-3)


def test_no_motor_is_told_to_move_faster_than_it_may(robot: Robot) -> None:
    simulation = FaceSimulation()
    bus = Noted(robot, simulation)
    with Body(robot, lambda: bus, ServoEye(simulation), SimulatedTime(simulation)) as twin:
        for pose in (*poses(robot, 5), np.ones(11), np.zeros(11), 7 * np.ones(11)):
            twin.go(pose)
    told = np.array([robot.positions(targets) for targets in bus.told])
    assert told.min() >= -1e-9
    assert told.max() <= 1 + 1e-9
    assert (np.abs(np.diff(told, axis=0)) <= robot.max_speed * TICK_S + 1e-9).all()
    assert_allclose(told[-1], robot.neutral, atol=1e-6)  # it was left at rest


def test_a_face_that_trembles_never_comes_to_rest(robot: Robot) -> None:
    simulation = FaceSimulation()
    eye = Trembling(simulation)
    twin = body(robot, simulation, eye)
    eye.trembles = True
    assert not twin.comes_to_rest(robot.neutral)


@pytest.mark.parametrize("pose", [np.full(11, np.nan), np.zeros(3)])
def test_what_is_no_pose_is_refused(robot: Robot, pose: np.ndarray) -> None:
    simulation = FaceSimulation()
    with pytest.raises(ValueError, match="not 11 finite positions"):
        body(robot, simulation, ServoEye(simulation)).go(pose)


def test_a_camera_that_fails_leaves_no_robot_stiff(robot: Robot) -> None:
    class Blind(ServoEye):
        def picture(self) -> np.ndarray:
            raise RuntimeError("the camera was unplugged")

    class Limp(SimulatedBus):
        stiff = True

        def torque(self, on: bool) -> None:
            self.stiff = on

    simulation = FaceSimulation()
    bus = Limp(robot, simulation)
    with pytest.raises(RuntimeError, match="unplugged"):
        Body(robot, lambda: bus, Blind(simulation), SimulatedTime(simulation))
    assert not bus.stiff


def test_a_robot_that_is_not_there_is_said_to_be_gone(robot: Robot, tmp_path: Path) -> None:
    def gone() -> SimulatedBus:
        raise BusError(f"{tmp_path}: cannot be opened. Is it plugged in?")

    simulation = FaceSimulation()
    with pytest.raises(BusError, match="Is it plugged in"):
        Body(robot, gone, ServoEye(simulation), SimulatedTime(simulation))
