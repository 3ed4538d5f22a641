"""Whatever a camera claims to see, from retargeting to the bus: no motor is ever asked for what it must not do."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.face.profile import UNKNOWN, HumanFace
from lipsync_robot.face.retarget import Retarget, RobotFace
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.driver import Driver
from lipsync_robot.motors.inverse import InverseModel
from lipsync_robot.motors.schedule import Pose
from lipsync_robot.resources import resource
from lipsync_robot.twin.in_process import SimulatedBus
from lipsync_robot.twin.simulation import FaceSimulation

TICK_S, TICKS, LIFETIME_S = 0.01, 4, 0.15  # of the driver, in a frame of 25 Hz; and what the inverse model gives a command

Absurd = Callable[[np.ndarray, np.random.Generator], np.ndarray | None]

FACES: dict[str, Absurd] = {
    "sane": lambda face, _: face,
    "lost": lambda face, _: None,
    "nan": lambda face, _: np.full_like(face, np.nan),
    "one point nan": lambda face, random: np.where(np.arange(len(face))[:, None] == random.integers(len(face)), np.nan, face),
    "infinite": lambda face, _: np.full_like(face, -np.inf),
    "a hundred times as large": lambda face, _: 100 * face,
    "as large as floats go": lambda face, _: np.sign(face) * np.finfo(float).max,
    "a point": lambda face, _: 0 * face,
    "noise": lambda face, random: random.normal(0, 5, face.shape),
    "upside down": lambda face, _: -face,
    "somebody else": lambda face, random: face * random.uniform(0.6, 1.6, 3) + random.normal(0, 1, 3),
}


class Wire(SimulatedBus):
    """Remembers what was written to it."""

    def __init__(self, robot: Robot, simulation: FaceSimulation) -> None:
        super().__init__(robot, simulation)
        self.robot, self.written = robot, []

    def write(self, targets: np.ndarray) -> None:
        self.written.append(self.robot.positions(targets))
        super().write(targets)


class Chain:
    """From faces to the wire, as the nodes do it."""

    def __init__(self, robot: Robot) -> None:
        simulation = FaceSimulation()
        self.wire = Wire(robot, simulation)
        self._now = 0.0
        self._retarget = Retarget(HumanFace(simulation.landmarks(), UNKNOWN), RobotFace.load(resource("models/twin_face.npz")))
        self._inverse = InverseModel(resource("models/twin_inverse.onnx"), robot.names)
        self._driver = Driver(robot, lambda: self.wire, self._now)
        self._driver.start()

    def show(self, face: np.ndarray | None) -> np.ndarray:
        """One frame -> what was written at the end of it."""
        if face is not None:
            with np.errstate(all="ignore"):
                positions = self._inverse(self._retarget(face))
            self._driver.command(Pose(self._now, self._now + LIFETIME_S, self._now, positions), self._now)
        for _ in range(TICKS):
            self._driver.tick(self._now)
            self._now += TICK_S
        return self.wire.written[-1]


@pytest.fixture(scope="module")
def human_faces() -> list[np.ndarray]:
    """People who move: the twin in some poses."""
    simulation, random, faces = FaceSimulation(), np.random.default_rng(0), []
    for _ in range(8):
        simulation.place(random.random(11))
        faces.append(simulation.landmarks())
    return faces


@settings(max_examples=60)
@given(shown=st.lists(st.tuples(st.sampled_from(sorted(FACES)), st.integers(0, 7)), min_size=1, max_size=25))
def test_no_motor_is_asked_for_what_it_must_not_do(
    robot: Robot, human_faces: list[np.ndarray], shown: list[tuple[str, int]]
) -> None:
    chain, random = Chain(robot), np.random.default_rng(len(shown))
    for name, which in shown:
        chain.show(FACES[name](human_faces[which], random))
    written = np.array(chain.wire.written)
    assert len(written) == len(shown) * TICKS
    assert np.isfinite(written).all()
    assert written.min() >= 0
    assert written.max() <= 1
    assert (np.abs(np.diff(written, axis=0)) <= robot.max_speed * TICK_S + 1e-9).all()


@pytest.mark.parametrize("name", FACES)
def test_a_sane_face_is_followed_again_afterwards(robot: Robot, human_faces: list[np.ndarray], name: str) -> None:
    undisturbed, chain, random = Chain(robot), Chain(robot), np.random.default_rng(0)
    for face in human_faces:
        chain.show(FACES[name](face, random))
    for _ in range(10):
        expected, sent = undisturbed.show(human_faces[0]), chain.show(human_faces[0])
    assert_allclose(sent, expected, atol=1e-6)


def test_a_face_that_stays_away_sends_the_robot_home(robot: Robot, human_faces: list[np.ndarray]) -> None:
    chain = Chain(robot)
    assert not np.allclose(chain.show(human_faces[0]), robot.neutral, atol=0.05)
    for _ in range(30):
        sent = chain.show(None)
    assert_allclose(sent, robot.neutral, atol=1e-6)
