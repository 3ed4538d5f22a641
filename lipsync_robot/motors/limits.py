"""Finding a motor's ends by hand: slow jogging over all that the bus can do, marks, and what they change in the YAML."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .description import BUSES, Motor, Robot, RobotDescriptionError
from .jog import Jog
from .rewrite import rewrite

SHARE_OF_SPEED = 0.2  # an end that is met slowly does no harm
STEPS = {"us": (5.0, 25.0), "ticks": (4.0, 20.0)}  # fine and coarse, bus units

MARKS = {"1": "zero", "2": "one", "n": "neutral"}  # keys to fields of Marks


@dataclass(frozen=True)
class Marks:
    """Places of a motor in bus units: position 0, position 1, neutral."""

    zero: float
    one: float
    neutral: float

    @classmethod
    def of(cls, motor: Motor) -> "Marks":
        zero, one = motor.ends
        return cls(zero, one, zero + motor.neutral * (one - zero))

    @property
    def held_neutral(self) -> float:
        """Neutral, within the range; bus units."""
        return min(max(self.neutral, min(self.zero, self.one)), max(self.zero, self.one))

    @property
    def neutral_position(self) -> float:
        """Neutral over the range, 0..1; 0 for a range without extent, which no description may have."""
        return (self.held_neutral - self.zero) / (self.one - self.zero) if self.one != self.zero else 0.0


def widened(robot: Robot) -> Robot:
    """The same motors over all that the bus can do, upwards, at a share of their speed; neutral keeps its place."""
    limits = BUSES[robot.bus]
    low, high = limits.positions

    def wide(motor: Motor) -> Motor:
        marks = Marks.of(motor)
        narrower = abs(marks.one - marks.zero) / (high - low)
        ends: dict[str, Any] = {f"min_{limits.unit}": low, f"max_{limits.unit}": high}
        return dataclasses.replace(
            motor,
            neutral=(marks.neutral - low) / (high - low),
            max_speed=SHARE_OF_SPEED * motor.max_speed * narrower,
            max_acceleration=motor.max_acceleration * narrower,
            **ends,
        )

    return dataclasses.replace(robot, motors=[wide(motor) for motor in robot.motors])


class LimitFinder(Jog):
    """Jogs one motor over its whole travel and keeps the marks that are set on the way."""

    def __init__(self, robot: Robot, now: float) -> None:
        """robot: of one motor, as described; its bus must be opened with `widened` of it."""
        wide = widened(robot)
        unit = BUSES[robot.bus].unit
        low, high = BUSES[robot.bus].positions
        super().__init__(wide, now, *(step / (high - low) for step in STEPS[unit]))
        self.marks = Marks.of(robot.motors[0])
        self._wide = wide

    def mark(self, key: str, place: float) -> None:
        """Sets the mark of a key, one of MARKS, to where the motor was found, bus units; NaN marks nothing."""
        if np.isfinite(place):
            self.marks = dataclasses.replace(self.marks, **{MARKS[key]: float(round(place))})
            self.neutral = float(self._wide.positions(np.array([self.marks.held_neutral]))[0])


def rewritten(text: str, motor: str, values: dict[str, float]) -> str:
    """A robot's YAML with other values for one motor, and everything else to the letter, comments and layout included.

    Raises RobotDescriptionError where a value does not stand in the motor's own entry, but comes from an anchor or a merge.
    """
    wanted = yaml.safe_load(text)
    next(entry for entry in wanted["motors"] if entry["name"] == motor).update(values)
    motors = _fields(yaml.compose(text, yaml.SafeLoader))["motors"].value
    entry = next(fields for fields in map(_fields, motors) if "name" in fields and fields["name"].value == motor)
    spans = [(entry[key].start_mark.index, entry[key].end_mark.index, value) for key, value in values.items() if key in entry]
    for start, end, value in sorted(spans, reverse=True):
        text = text[:start] + str(value) + text[end:]
    try:
        as_wanted = yaml.safe_load(text) == wanted
    except yaml.YAMLError:
        as_wanted = False  # an anchor was overwritten that others need
    if not as_wanted:
        listed = ", ".join(f"{key}: {value}" for key, value in values.items())
        raise RobotDescriptionError(
            f"motor {motor!r}: not all of its values stand in its own entry (an anchor or a merge?). Write by hand: {listed}"
        )
    return text


def _fields(node: yaml.MappingNode) -> dict[str, yaml.Node]:
    return {key.value: value for key, value in node.value}


def write(path: Path, robot: Robot, motor: str, marks: Marks) -> None:
    """Puts the marks into the robot's YAML. Raises RobotDescriptionError, and then leaves it."""
    unit = BUSES[robot.bus].unit
    neutral = round(marks.neutral_position, 3)
    values = {f"min_{unit}": marks.zero, f"max_{unit}": marks.one, "neutral": neutral}
    rewrite(path, lambda text: rewritten(text, motor, values))
