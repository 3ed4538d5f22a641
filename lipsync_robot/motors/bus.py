"""What a servo bus is to the driver: written to at every tick, asked how it is now and then, never waited for."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from ..errors import BadInputError


class BusError(BadInputError):
    """The bus cannot be opened, or has gone; its text says what to do."""


class Health(NamedTuple):
    """What a bus says of itself and its servos. Arrays are (motors,), NaN where it does not know."""

    faults: Sequence[str]  # since it was last asked, in words; empty if all is well
    positions: np.ndarray  # bus units, where the servos are measured to be
    temperature: np.ndarray  # °C
    load: np.ndarray  # -1..1 of the most a servo bears


WhenSilent = Literal["home", "stop", "nothing"]


class Bus(Protocol):
    """A servo bus that is open. Positions are in its own units, µs or ticks, in the order of the robot's motors.

    Every method raises BusError when the bus is gone, and none waits longer than `read` does: REPLY_S.
    """

    @property
    def when_silent(self) -> WhenSilent:
        """What the device does by itself when its host falls silent: sends its servos home, stiff; stops them; nothing."""

    def read(self) -> np.ndarray:
        """(motors,) where the servos stand; NaN for one that is off and does not know. Waits for the answers."""

    def write(self, targets: np.ndarray) -> None:
        """Sets the targets (motors,) of all servos, in as few frames as the bus has for it."""

    def torque(self, on: bool) -> None:
        """Off: the servos go limp. On: they hold the targets written last."""

    def reboot(self) -> bool:
        """Restarts servos that have switched themselves off -> whether there were any; the bus is to be opened anew then."""

    def ask(self) -> None:
        """Asks how the bus and its servos are, without waiting."""

    def answer(self) -> Health | None:
        """What `ask` a tick ago brought; None where no answer, or a damaged one, has come."""

    def close(self) -> None:
        """Waits for nothing and raises nothing."""


REPLY_S = 0.1  # a board that has not answered by then does not
