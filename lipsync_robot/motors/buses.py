"""The servo buses there are, by the name that a robot's description gives them."""

import importlib
import time
from contextlib import closing
from types import ModuleType
from typing import NamedTuple

import numpy as np

from . import ports
from .bus import Bus, BusError, Health
from .description import Robot

CLASSES = {"maestro": "Maestro", "dynamixel": "Dynamixel"}  # each in a module of the bus's name

NO_FAIL_SAFE = (
    "the controller does not notice a silent host: if this computer dies, the servos keep their last pose. Set the board's "
    "serial timeout: `lipsync-robot motors settings` writes the file for it"
)

QUESTIONS = 2  # a motor: on a slow line one answers at a time, of its errors and of its motion in turn
ANSWERED_S = 0.04  # when an answer has come, over whatever adapter


class Look(NamedTuple):
    """What one look at a robot told."""

    places: np.ndarray  # (motors,) bus units, NaN for a motor that is off and does not know
    health: Health | None  # None where the bus did not answer
    fail_safe: bool  # whether the device does anything by itself when its host falls silent


def open_bus(robot: Robot, port: str) -> Bus:
    """The robot's bus on a serial port. Raises BusError, naming what to do."""
    if robot.simulated and ports.is_real(port):
        raise BusError(
            f"{port}: which robot is on it? Add --robot and its YAML file, without `simulated`: docs/bring-your-own-robot.md."
        )
    bus: Bus = getattr(_module(robot), CLASSES[robot.bus])(robot, port)
    return bus


def look(robot: Robot, port: str) -> Look:
    """Opens a robot's bus, asks it all it knows, and closes it; nothing is told to move. Raises BusError."""
    with closing(open_bus(robot, port)) as bus:
        places, answers = bus.read(), []
        for _ in range(QUESTIONS * len(robot.motors)):
            bus.ask()
            time.sleep(ANSWERED_S)
            answers.append(bus.answer())
        healths = [health for health in answers if health is not None]
        faults = list(dict.fromkeys(fault for health in healths for fault in health.faults))
        return Look(places, healths[-1]._replace(faults=faults) if healths else None, bus.when_silent != "nothing")


def frame_s(robot: Robot) -> float:
    """Seconds that the targets of all its motors take on the wire."""
    return float(_module(robot).frame_s(robot))


def answer_s(robot: Robot) -> float:
    """Seconds of the line, at most, that a question takes besides, and on a line that both sides share its answers."""
    return float(_module(robot).answer_s(robot))


def too_slow(robot: Robot, rate_hz: float) -> str:
    """What is wrong with its line for so many ticks a second, empty where nothing is."""
    takes_s = frame_s(robot) + answer_s(robot)
    if takes_s * rate_hz <= 1:
        return ""
    return f"the motors of {robot.name} take {1000 * takes_s:.1f} ms of a line of {robot.baud} baud, answers included"


def _module(robot: Robot) -> ModuleType:
    """Imported when it is asked for: a robot needs the driver of its own bus only."""
    return importlib.import_module(f".{robot.bus}", __package__)
