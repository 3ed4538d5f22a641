"""One motor under a person's keys, behind the guard. Pure: keys, moments and measured places come in, bus units go out.

No other motor is on the bus that is opened for it, so none but this one can be moved, switched on or switched off.
"""

import dataclasses

import numpy as np

from .. import settings
from .description import Robot, RobotDescriptionError
from .guard import Guard

LEAD_S = 0.1  # a key that is let go of stops the motor after so long, however fast it was repeated
FINE, COARSE = 0.01, 0.05  # of the range

HOME, LIMP, QUIT = "n", "space", "q"


def alone(robot: Robot, motor: str) -> Robot:
    """The same robot with one of its motors only. Raises RobotDescriptionError for a name that none has."""
    if motor not in robot.names:
        raise RobotDescriptionError(f"{robot.name} has no motor {motor!r}. {settings.suggestion(motor, robot.names)}")
    return dataclasses.replace(robot, motors=[robot.motors[robot.names.index(motor)]])


class Jog:
    def __init__(self, robot: Robot, now: float, fine: float = FINE, coarse: float = COARSE) -> None:
        """robot: of one motor; fine, coarse: what an arrow moves, of its range. Who opens its bus says if it is powered."""
        self.torque = False  # whether the motor is to be powered
        self.neutral = float(robot.neutral[0])  # 0..1, where it goes before it ends
        self.leaving = False  # whether it is on its last way home
        self._robot = robot
        self._guard = Guard(robot.neutral, robot.max_speed, now)
        self._target = self.neutral
        self._steps = {"left": -fine, "right": fine, "down": -coarse, "up": coarse, "page_down": -coarse, "page_up": coarse}

    @property
    def position(self) -> float:
        """0..1, what was put out last."""
        return float(self._guard.position[0])

    @property
    def done(self) -> bool:
        """Whether it has come to its end; then its torque is to be taken off."""
        return self.leaving and (not self.torque or abs(self.position - self.neutral) < 1e-3)

    def starts_from(self, place: float, now: float) -> None:
        """The motor was found at a place, bus units; NaN where it does not know, and is taken to be where it was last."""
        if np.isfinite(place):
            self._guard.starts_from(self._robot.positions(np.array([place])), now)
            self._target = self.position

    def press(self, key: str) -> None:
        """Left and right: a fine step. Up and down: a coarse one. n: neutral. space: limp at once. q: home, then limp; q
        again: limp at once. Any other key does nothing, and while on the last way home nothing else counts."""
        if key == LIMP or (key == QUIT and self.leaving):
            self.torque = False
        elif key == QUIT:
            self.leaving, self._target = True, self.neutral
        elif self.leaving:
            return
        elif key == HOME:
            self.torque, self._target = True, self.neutral
        elif key in self._steps:
            step = self._steps[key]
            reach = max(abs(step), float(self._robot.max_speed[0]) * LEAD_S)
            target = np.clip(self._target + step, self.position - reach, self.position + reach)
            self.torque, self._target = True, float(np.clip(target, 0.0, 1.0))

    def output(self, now: float) -> np.ndarray:
        """What may be sent at this moment, (1,) in bus units."""
        self._guard.accept(np.array([self._target]), now)
        return self._robot.targets(self._guard.output(now))
