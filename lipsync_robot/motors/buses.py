"""The servo buses there are, by the name that a robot's description gives them."""

import importlib
from types import ModuleType

from .bus import Bus
from .description import Robot

CLASSES = {"maestro": "Maestro", "dynamixel": "Dynamixel"}  # each in a module of the bus's name

NO_FAIL_SAFE = (
    "the controller does not notice a silent host: if this computer dies, the servos keep their last pose. Set the board's "
    "serial timeout: `lipsync-robot motors settings` writes the file for it"
)


def open_bus(robot: Robot, port: str) -> Bus:
    """The robot's bus on a serial port. Raises BusError, naming what to do."""
    bus: Bus = getattr(_module(robot), CLASSES[robot.bus])(robot, port)
    return bus


def frame_s(robot: Robot) -> float:
    """Seconds that the targets of all its motors take on the wire."""
    return float(_module(robot).frame_s(robot))


def _module(robot: Robot) -> ModuleType:
    """Imported when it is asked for: a robot needs the driver of its own bus only."""
    return importlib.import_module(f".{robot.bus}", __package__)
