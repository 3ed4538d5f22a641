"""A robot's YAML: which motors it has, where they hang on the bus, and how far and how fast each may move."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from .. import settings
from ..errors import BadInputError


class RobotDescriptionError(BadInputError):
    """A robot's YAML asks for something that its bus or its servos cannot do."""


class Limits(NamedTuple):
    """What a bus can do, whatever hangs on it."""

    name: str  # as in an error's text
    unit: str  # of its positions, and the end of the keys that hold them
    positions: tuple[float, float]
    channels: tuple[int, int]
    bauds: tuple[int, int]
    other: str  # a way out when a position is beyond it


BUSES = {
    # Any hobby servo, and the Maestro's widest setting; 24 channels has the largest.
    "maestro": Limits("Maestro", "us", (500.0, 2500.0), (0, 23), (300, 200_000), "Lower it, or set bus: dynamixel."),
    "dynamixel": Limits("Dynamixel", "ticks", (0.0, 4095.0), (0, 252), (9600, 4_500_000), "A turn has 4096 ticks."),
}


@dataclass(frozen=True)
class Motor:
    name: str
    group: Literal["upper", "lower"]  # eyes and brows, or mouth and jaw
    channel: int  # of a Maestro; the ID of a Dynamixel
    neutral: float  # 0..1
    max_speed: float  # of the range, per second
    max_acceleration: float = 0.0  # of the range, per second squared, kept by the board alone; 0: as fast as it can
    min_us: float | None = None  # pulse at position 0
    max_us: float | None = None  # pulse at position 1; smaller than min_us where the servo turns the other way
    min_ticks: float | None = None  # the same for Dynamixels
    max_ticks: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Bus units at positions 0 and 1."""
        low, high = (self.min_ticks, self.max_ticks) if self.min_us is None else (self.min_us, self.max_us)
        assert low is not None and high is not None  # `load` has seen to it
        return low, high


@dataclass(frozen=True)
class Robot:
    """Positions are (motors,) in 0..1 over each motor's safe range, in the order of the YAML."""

    name: str
    bus: Literal["maestro", "dynamixel"]
    baud: int
    motors: list[Motor]
    timeout_s: float = 0.3  # the board's own: silent for so long, a Maestro homes its servos, a Dynamixel stops
    servo_lag_s: float = 0.03  # how long its lips trail a command; `lipsync-robot calibrate sync` finds it
    idle_off_s: float = 60.0  # at neutral for so long without a command, the servos' torque is taken off; 0: never
    board: Literal["mini", "micro"] = "mini"  # Maestro: the micro sets one servo a frame
    crc: bool = False  # Maestro: every frame carries a checksum; must be set in the board too
    device_number: int | None = None  # Maestro: the Pololu protocol, for several boards on one line
    simulated: bool = False  # there are no such servos: on a device's port it would move others wherever they lead

    @cached_property  # asked for at every frame, as the other cached ones are
    def names(self) -> list[str]:
        return [motor.name for motor in self.motors]

    @cached_property
    def channels(self) -> list[int]:
        return [motor.channel for motor in self.motors]

    @cached_property
    def runs(self) -> list[list[int]]:
        """The motors, by their places in `motors`, in order of their channels; those with channels in a row together."""
        by_channel = sorted(range(len(self.channels)), key=self.channels.__getitem__)
        rows = groupby(enumerate(by_channel), lambda item: self.channels[item[1]] - item[0])
        return [[motor for _, motor in row] for _, row in rows]

    @property
    def neutral(self) -> np.ndarray:
        return np.array([motor.neutral for motor in self.motors])

    @property
    def max_speed(self) -> np.ndarray:
        return np.array([motor.max_speed for motor in self.motors])

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Bus units (motors,) at position 0 and at position 1."""
        low, high = zip(*(motor.ends for motor in self.motors), strict=True)
        return np.array(low), np.array(high)

    def targets(self, positions: np.ndarray) -> np.ndarray:
        """positions (motors,) in 0..1 -> (motors,) in bus units: µs or ticks."""
        low, high = self.ends
        return low + positions * (high - low)

    def positions(self, targets: np.ndarray) -> np.ndarray:
        """(motors,) in bus units -> positions (motors,)."""
        low, high = self.ends
        return (targets - low) / (high - low)


def load(path: Path) -> Robot:
    """The robot described by a YAML file. Raises RobotDescriptionError or settings.SettingsError, naming the mistake."""
    robot = settings.load(Robot, path)
    limits = BUSES[robot.bus]
    if not robot.motors:
        raise RobotDescriptionError(f"{path}: the robot has no motors. List at least one.")
    for what in ("name", "channel"):
        values = [getattr(motor, what) for motor in robot.motors]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise RobotDescriptionError(f"{path}: two motors share the {what} {twice!r}. Give each its own.")
    for name, value, low, high in (
        ("baud", robot.baud, *limits.bauds),
        ("timeout_s", robot.timeout_s, 0.1, 5.0),
        ("servo_lag_s", robot.servo_lag_s, 0.0, 1.0),
        ("idle_off_s", robot.idle_off_s, 0.0, 3600.0),
        ("device_number", robot.device_number or 0, 0, 127),
    ):
        if not low <= value <= high:
            raise RobotDescriptionError(f"{path}: {name} {value:g} is outside the {limits.name}'s {low:g}..{high:g}.")
    if robot.bus != "maestro" and (robot.crc or robot.device_number is not None or robot.board != "mini"):
        raise RobotDescriptionError(f"{path}: board, crc and device_number are a Maestro's. Leave them out.")
    if robot.board == "micro":
        limits = limits._replace(name="Micro Maestro", channels=(0, 5))
    for motor in robot.motors:
        _check(f"{path}: motor {motor.name!r}:", motor, limits)
    return robot


def _check(where: str, motor: Motor, limits: Limits) -> None:
    for unit in (bus.unit for bus in BUSES.values()):
        for key in (f"min_{unit}", f"max_{unit}"):
            value = getattr(motor, key)
            if unit != limits.unit:
                if value is not None:
                    raise RobotDescriptionError(f"{where} {key} is of another bus; a {limits.name} has min_{limits.unit}.")
            elif value is None:
                raise RobotDescriptionError(f"{where} {key} is missing: the {limits.name} needs both ends of its range.")
            elif not limits.positions[0] <= value <= limits.positions[1]:
                low, high = limits.positions
                raise RobotDescriptionError(
                    f"{where} {key} {value:g} is outside the {limits.name}'s {low:g}..{high:g}. {limits.other}"
                )
    if motor.ends[0] == motor.ends[1]:
        raise RobotDescriptionError(
            f"{where} min_{limits.unit} and max_{limits.unit} are both {motor.ends[0]:g}: it could never move."
        )
    for key, value, low, high, of in (
        ("neutral", motor.neutral, 0, 1, ""),
        ("max_speed", motor.max_speed, 0.1, 100, " ranges per second"),
        ("max_acceleration", motor.max_acceleration, 0, 10_000, " ranges per second squared"),
        ("channel", motor.channel, *limits.channels, f" of a {limits.name}"),
    ):
        if not low <= value <= high:
            raise RobotDescriptionError(f"{where} {key} {value:g} is outside {low:g}..{high:g}{of}.")
