"""Where the servos are driven to, from the process that drives them to any that looks: a file mapped into both.

float64: updates so far, the moment of the last one (s, CLOCK_MONOTONIC), how many frames the device has taken since its power
came up, how many changes of the outputs there have been; then a ring of the last changes, the n-th in row n % KEPT: its moment,
and the outputs (motors,) from then on in bus units, NaN for a servo without torque. A row is written before it is counted.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .device import Device

BEATS, NOW, ACCEPTED, CHANGES, HEAD = range(5)  # where each begins, and what comes before the ring
KEPT = 1024  # changes: more than a second's, where outputs that are limited in speed move at every beat and every frame


class Change(NamedTuple):
    moment: float  # s, CLOCK_MONOTONIC
    outputs: np.ndarray  # (motors,) from then on


class View:
    """The reading side: up to date whenever it is asked, without a system call. Raises OSError where no controller is."""

    def __init__(self, link: Path) -> None:
        figures = np.memmap(beside(link), np.float64, "r").view(np.ndarray)
        self._head, self._ring = figures[:HEAD], figures[HEAD:].reshape(KEPT, -1)
        self._told = 0  # changes

    @property
    def beats(self) -> int:
        return int(self._head[BEATS])

    @property
    def now(self) -> float:
        """s, CLOCK_MONOTONIC, of the last beat."""
        return float(self._head[NOW])

    @property
    def accepted(self) -> int:
        return int(self._head[ACCEPTED])

    @property
    def outputs(self) -> np.ndarray:
        """(motors,)"""
        return self._ring[int(self._head[CHANGES] - 1) % KEPT, 1:].copy()

    def changes(self) -> list[Change]:
        """Those since the last call, oldest first; before the first call, all. Of more than were kept, the last."""
        count = int(self._head[CHANGES])
        oldest = max(self._told, count - KEPT + 1)  # the one before may be written over at this moment
        self._told = count
        rows = self._ring[np.arange(oldest, count) % KEPT]
        return [Change(float(row[0]), row[1:]) for row in rows]


class Servos:
    """The writing side. Raises OSError where the file cannot be made."""

    def __init__(self, link: Path, device: Device, now: float) -> None:
        self._path = beside(link)
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        width = 1 + len(device.targets)
        figures = np.memmap(new, np.float64, "w+", shape=(HEAD + KEPT * width,)).view(np.ndarray)
        self._head, self._ring = figures[:HEAD], figures[HEAD:].reshape(KEPT, width)
        self._last = b""  # outputs, as bytes: NaN equals itself there
        self.update(device, now)
        self._inode = new.stat().st_ino
        os.replace(new, self._path)  # who still looks at a predecessor's file is not disturbed

    def update(self, device: Device, now: float) -> None:
        outputs = device.outputs(now)
        if outputs.tobytes() != self._last:
            self._last = outputs.tobytes()
            row = self._ring[int(self._head[CHANGES]) % KEPT]
            row[0], row[1:] = now, outputs
            self._head[CHANGES] += 1
        self._head[ACCEPTED] = device.accepted
        self._head[NOW] = now
        self._head[BEATS] += 1

    def remove(self) -> None:
        """Removes the file, unless a successor has put its own there."""
        if self._path.exists() and self._path.stat().st_ino == self._inode:
            self._path.unlink()


def beside(link: Path) -> Path:
    """The file of the controller whose port is at link."""
    return link.with_name(f"{link.name}.servos")
