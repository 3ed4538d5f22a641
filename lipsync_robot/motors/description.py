"""A robot's YAML: which motors it has, where they hang on the bus, and how far and how fast each may move."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from .. import settings
from ..errors import BadInputError

PULSE_US = (500.0, 2500.0)  # what any hobby servo and the Maestro's widest setting allow
CHANNELS = 24  # of the largest Maestro
BAUDS = (9600, 19200, 38400, 57600, 115200)


class RobotDescriptionError(BadInputError):
    """A robot's YAML asks for something that its bus or its servos cannot do."""


@dataclass(frozen=True)
class Motor:
    name: str
    group: Literal["upper", "lower"]  # eyes and brows, or mouth and jaw
    channel: int
    min_us: float  # pulse at position 0
    max_us: float  # pulse at position 1; smaller than min_us where the servo turns the other way
    neutral: float  # 0..1
    max_speed: float  # of the range, per second


@dataclass(frozen=True)
class Robot:
    """Positions are (motors,) in 0..1 over each motor's safe range, in the order of the YAML."""

    name: str
    bus: Literal["maestro"]
    baud: int
    motors: list[Motor]

    @property
    def names(self) -> list[str]:
        return [motor.name for motor in self.motors]

    @property
    def neutral(self) -> np.ndarray:
        return np.array([motor.neutral for motor in self.motors])

    @property
    def max_speed(self) -> np.ndarray:
        return np.array([motor.max_speed for motor in self.motors])

    def pulses(self, positions: np.ndarray) -> np.ndarray:
        """positions (motors,) in 0..1 -> pulse widths (motors,) in µs."""
        low, high = self._range()
        return low + positions * (high - low)

    def positions(self, pulses: np.ndarray) -> np.ndarray:
        """pulse widths (motors,) in µs -> positions (motors,)."""
        low, high = self._range()
        return (pulses - low) / (high - low)

    def _range(self) -> tuple[np.ndarray, np.ndarray]:
        return np.array([m.min_us for m in self.motors]), np.array([m.max_us for m in self.motors])


def load(path: Path) -> Robot:
    """The robot described by a YAML file. Raises RobotDescriptionError or settings.SettingsError, naming the mistake."""
    robot = settings.load(Robot, path)
    if not robot.motors:
        raise RobotDescriptionError(f"{path}: the robot has no motors. List at least one.")
    for what in ("name", "channel"):
        values = [getattr(motor, what) for motor in robot.motors]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise RobotDescriptionError(f"{path}: two motors share the {what} {twice!r}. Give each its own.")
    if robot.baud not in BAUDS:
        raise RobotDescriptionError(f"{path}: baud {robot.baud} is not one of {', '.join(map(str, BAUDS))}.")
    for motor in robot.motors:
        _check(path, motor)
    return robot


def _check(path: Path, motor: Motor) -> None:
    where = f"{path}: motor {motor.name!r}:"
    for key in ("min_us", "max_us"):
        pulse = getattr(motor, key)
        if not PULSE_US[0] <= pulse <= PULSE_US[1]:
            raise RobotDescriptionError(f"{where} {key} {pulse:g} is outside the Maestro's 500..2500 µs.")
    if motor.min_us == motor.max_us:
        raise RobotDescriptionError(f"{where} min_us and max_us are both {motor.min_us:g}: it could never move.")
    if not 0 <= motor.neutral <= 1:
        raise RobotDescriptionError(f"{where} neutral {motor.neutral:g} is outside 0..1.")
    if not 0.1 <= motor.max_speed <= 100:
        raise RobotDescriptionError(f"{where} max_speed {motor.max_speed:g} is outside 0.1..100 ranges per second.")
    if not 0 <= motor.channel < CHANNELS:
        raise RobotDescriptionError(f"{where} channel {motor.channel} is outside the Maestro's 0..{CHANNELS - 1}.")
