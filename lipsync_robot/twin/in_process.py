"""The twin without a wire and without a clock of its own: a motors.bus.Bus and a time that passes when it is told to.

For all that needs thousands of poses and nothing of the wire: babbling, and scoring the whole loop.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..motors.body import Body, Eye
from ..motors.bus import Health, WhenSilent
from ..motors.description import Robot
from .camera import Camera
from .simulation import FaceSimulation

VIEWS, YAW_DEG, PITCH_DEG = 16, 28.0, 14.0  # FaceMesh errs differently from every side


class SimulatedBus:
    """Writes straight to the servos of a simulation; nothing can go wrong on it."""

    when_silent: WhenSilent = "stop"

    def __init__(self, robot: Robot, simulation: FaceSimulation) -> None:
        self._robot, self._simulation = robot, simulation

    def read(self) -> np.ndarray:
        return self._robot.targets(self._simulation.positions)

    def write(self, targets: np.ndarray) -> None:
        self._simulation.command(self._robot.positions(targets))

    def torque(self, on: bool) -> None:
        pass

    def reboot(self) -> bool:
        return False

    def ask(self) -> None:
        pass

    def answer(self) -> Health | None:
        unknown = np.full(len(self._robot.motors), np.nan)
        return Health([], self.read(), unknown, unknown)

    def close(self) -> None:
        pass


class SimulatedTime:
    """Seconds since it was made, which pass as fast as the simulation can be stepped."""

    def __init__(self, simulation: FaceSimulation) -> None:
        self._simulation, self._now = simulation, 0.0

    def now(self) -> float:
        return self._now

    def wait(self, seconds: float) -> None:
        self._simulation.advance(seconds)
        self._now += seconds


class ServoEye:
    """What the servos say of their own places, for who needs to know when they stand still but has no camera."""

    def __init__(self, simulation: FaceSimulation) -> None:
        self._simulation = simulation

    def picture(self) -> np.ndarray:
        """-> (1, motors, 1) int16, ten-thousandths of the stroke."""
        return np.rint(1e4 * self._simulation.positions).astype(np.int16)[None, :, None]

    def views(self) -> Iterator[np.ndarray]:
        """-> one (468, 3) cm, metric face: the exact landmarks, in place of a picture."""
        yield self._simulation.landmarks()


class TurningEye:
    """The twin's camera, in front of which the head turns to all sides: what a neck, or a camera that is moved, does."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera

    def picture(self) -> np.ndarray:
        """-> (h, w, 3) uint8 RGB, from the front."""
        return self._camera.picture()

    def views(self) -> Iterator[np.ndarray]:
        """-> VIEWS pictures along an ellipse around the front: FaceMesh follows it without a jump."""
        ahead = self._camera.appearance
        for turn in np.linspace(0, 2 * np.pi, VIEWS, endpoint=False):
            yaw, pitch = ahead.yaw_deg + YAW_DEG * np.cos(turn), ahead.pitch_deg + PITCH_DEG * np.sin(turn)
            self._camera.appearance = replace(ahead, yaw_deg=yaw, pitch_deg=pitch)
            picture = self._camera.picture()
            self._camera.appearance = ahead
            yield picture


def body(robot: Robot, simulation: FaceSimulation, eye: Eye) -> Body:
    """The twin as a robot in front of a camera, or of any other eye."""
    return Body(robot, lambda: SimulatedBus(robot, simulation), eye, SimulatedTime(simulation))
