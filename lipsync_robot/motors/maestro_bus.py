"""A Maestro as the `bus` interface has it: an adapter around the class that the driver uses."""

import numpy as np

from . import maestro
from .bus import Health
from .description import Robot


class Maestro:
    def __init__(self, robot: Robot, port: str) -> None:
        """Raises BusError."""
        self._board = maestro.Maestro(port, robot.baud, robot.channels)
        self._low, self._high = np.sort(robot.ends, axis=0)
        self._health: Health | None = None

    def read(self) -> np.ndarray:
        pulses = np.array(self._board.read())
        return np.where(pulses > 0, pulses, np.nan)

    def write(self, targets: np.ndarray) -> None:
        self._board.write(list(np.clip(targets, self._low, self._high)))

    def torque(self, on: bool) -> None:
        if not on:
            self._board.write([0.0] * len(self._low))

    def ask(self) -> None:
        unknown = np.full(len(self._low), np.nan)
        self._health = Health(maestro.words(self._board.errors()), unknown, unknown, unknown)

    def answer(self) -> Health | None:
        health, self._health = self._health, None
        return health

    def close(self) -> None:
        self._board.close()
