"""Opens the bus that a robot's description names; a bus's library is loaded only for a robot that uses it."""

from importlib import import_module

from .bus import Bus
from .description import Robot

KINDS = {"maestro": (".maestro_bus", "Maestro"), "dynamixel": (".dynamixel", "Dynamixel")}


def open_bus(robot: Robot, port: str) -> Bus:
    """The bus of all the robot's motors, open on a serial port. Raises BusError, which says what to do."""
    module, name = KINDS[robot.bus]
    return getattr(import_module(module, __package__), name)(robot, port)
