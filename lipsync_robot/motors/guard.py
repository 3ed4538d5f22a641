"""What stands between any model and any servo. Pure: time is passed in, nothing is read from outside.

Promises, for any sequence of inputs: positions are finite and within 0..1, no motor moves faster than its limit, a guard
that hears nothing holds, then goes home, and an emergency stop freezes it until it is reset.
"""

import numpy as np

HOLD_S = 1.0  # without a fresh command the last pose is held this long
EASE_S = 0.5  # and then takes this long to neutral
LONGEST_STEP_S = 0.03  # motion that a late output may catch up with: the rest would be a jump


class Guard:
    def __init__(self, neutral: np.ndarray, max_speed: np.ndarray, now: float) -> None:
        """neutral (motors,) in 0..1; max_speed (motors,) ranges per second; now: s on any steady clock."""
        self._neutral = neutral
        self._max_speed = max_speed
        self._position = neutral.copy()
        self._target = neutral.copy()
        self._fresh = now
        self._now = now
        self._stopped = False
        self.rejected = 0

    @property
    def neutral(self) -> np.ndarray:
        return self._neutral

    @property
    def position(self) -> np.ndarray:
        """The last output, (motors,)."""
        return self._position

    @property
    def stopped(self) -> bool:
        return self._stopped

    def accept(self, positions: np.ndarray, now: float) -> bool:
        """Takes positions (motors,) as the new target; what is not finite or of another size is refused and counted."""
        if np.shape(positions) != self._neutral.shape or not np.isfinite(positions).all():
            self.rejected += 1
            return False
        self._target = np.clip(positions, 0.0, 1.0)
        self._fresh = now
        return True

    def starts_from(self, positions: np.ndarray, now: float) -> None:
        """Takes up positions (motors,), where the servos are found to be, so that the next output is no jump."""
        self._position = np.clip(positions, 0.0, 1.0)
        self._now = now

    def emergency_stop(self) -> None:
        """Freezes the motors where they are, until reset."""
        self._stopped = True

    def reset(self, now: float) -> None:
        """Ends an emergency stop; motion starts again from where the motors stand."""
        self._stopped = False
        self._target = self._position.copy()
        self._fresh = now

    def output(self, now: float) -> np.ndarray:
        """What may be sent at this moment, (motors,) in 0..1. A clock that goes backwards moves nothing."""
        elapsed, self._now = min(max(0.0, now - self._now), LONGEST_STEP_S), now
        if not self._stopped:
            step = self._max_speed * elapsed
            self._position = self._position + np.clip(self._aim(now) - self._position, -step, step)
        return self._position.copy()

    def home(self) -> None:
        """Starts towards neutral now, however fresh the last command is."""
        self._fresh = min(self._fresh, self._now - HOLD_S)

    def _aim(self, now: float) -> np.ndarray:
        silent = now - self._fresh - HOLD_S
        if silent <= 0:
            return self._target
        share = min(1.0, silent / EASE_S)
        smooth = share * share * (3 - 2 * share)
        return self._target + smooth * (self._neutral - self._target)
