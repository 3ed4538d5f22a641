"""Where the servos are driven to, from the process that drives them to any that looks: a file mapped into both.

float64: updates so far, the moment of the last one (s, CLOCK_MONOTONIC), how many frames the device has taken since its power
came up, then the outputs (motors,) in bus units, NaN for a servo without torque. Each figure is whole at any moment; figures of
two neighbouring updates may stand side by side.
"""

import os
from pathlib import Path

import numpy as np

from .device import Device

BEATS, NOW, ACCEPTED, OUTPUTS = range(4)  # where each begins


def beside(link: Path) -> Path:
    """The file of the controller whose port is at link."""
    return link.with_name(f"{link.name}.servos")


def look(link: Path) -> np.ndarray:
    """-> (OUTPUTS + motors,) float64 that is up to date whenever it is read. Raises OSError where no controller is."""
    return np.memmap(beside(link), np.float64, "r").view(np.ndarray)


class Servos:
    """The writing side. Raises OSError where the file cannot be made."""

    def __init__(self, link: Path, device: Device, now: float) -> None:
        self._path = beside(link)
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        count = len(device.targets)
        self._figures = np.memmap(new, np.float64, "w+", shape=(OUTPUTS + count,)).view(np.ndarray)
        self.update(device, now)
        self._inode = new.stat().st_ino
        os.replace(new, self._path)  # who still looks at a predecessor's file is not disturbed

    def update(self, device: Device, now: float) -> None:
        self._figures[OUTPUTS:] = device.outputs(now)
        self._figures[ACCEPTED] = device.accepted
        self._figures[NOW] = now
        self._figures[BEATS] += 1

    def remove(self) -> None:
        """Removes the file, unless a successor has put its own there."""
        if self._path.exists() and self._path.stat().st_ino == self._inode:
            self._path.unlink()
