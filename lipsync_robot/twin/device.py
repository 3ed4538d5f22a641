"""What every virtual servo controller is to the process that runs it: the far end of a serial line, and its servos."""

from typing import Protocol

import numpy as np


class Device(Protocol):
    """Bytes in, bytes out, servos that follow. Time is passed in, s on a steady clock; no bytes, however garbled, raise.

    Arrays are (motors,) in bus units, µs or ticks, in the order of the robot's motors; NaN for a servo without torque.
    """

    accepted: int  # frames with targets that were taken, since power-up

    def feed(self, received: bytes, now: float) -> bytes:
        """Bytes from the host, in any chunking -> the reply."""

    @property
    def targets(self) -> np.ndarray:
        """What was asked of each servo last, by the host or by the device's own fail-safe."""

    def outputs(self, now: float) -> np.ndarray:
        """Where the device drives its servos to at this moment: the targets behind its own limits of speed."""

    def restart(self, now: float) -> None:
        """As after a brown-out: whatever was set since power-up is forgotten."""

    def set_error(self, bits: int) -> None:
        """Raises bits of the device's own error register."""

    def stick(self, motor: int, stuck: bool) -> None:
        """A servo that cannot move, by its index, or can again."""

    def overload(self, motor: int) -> None:
        """A servo that bears more than it can, by its index."""
