"""What stands between any model and any servo. Pure: time is passed in, nothing is read from outside.

Promises, for any sequence of inputs: positions are finite and within 0..1, no motor moves faster than its limit, a guard
that hears nothing holds, then goes home, then lets the servos go limp, and an emergency stop freezes it until it is reset.
"""

import numpy as np

HOLD_S = 0.25  # without a fresh command the last pose is held this long: a link of the chain has died, or only hiccuped
EASE_S = 0.5  # and then takes this long to neutral: home within a second of whatever went silent
LONGEST_STEP_S = 0.03  # motion that a late output may catch up with: the rest would be a jump
AT_REST = 1e-6  # of the range: nearer to neutral than any servo can tell


class Guard:
    def __init__(self, neutral: np.ndarray, max_speed: np.ndarray, now: float, idle_off_s: float = 0.0) -> None:
        """neutral (motors,) in 0..1; max_speed (motors,) ranges per second; now: s on any steady clock.

        idle_off_s: at rest for so long, servos may go limp; 0: never.
        """
        self._neutral = neutral
        self._max_speed = max_speed
        self._idle_off_s = idle_off_s
        self._position = neutral.copy()
        self._target = neutral.copy()
        self._fresh = self._moved = now
        self._now = now
        self._stopped = self._stopped_idle = False
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

    @property
    def idle(self) -> bool:
        """Whether the face has been at neutral, with nothing to do, for so long that its servos need no torque.

        An emergency stop changes nothing about it: it neither makes a face that holds still limp, nor a limp one move.
        """
        if self._stopped:
            return self._stopped_idle
        return self._idle_off_s > 0 and self._now - self._moved >= self._idle_off_s

    @property
    def resting(self) -> bool:
        """Whether the next output will be as the last one, until something is asked for or HOLD_S is over."""
        easing = 0 <= self._now - self._fresh - HOLD_S < EASE_S
        return self._stopped or (not easing and bool((self._position == self._aim(self._now)).all()))

    def knows(self, positions: np.ndarray) -> bool:
        """Whether positions are a pose of this robot; what is not finite or of another size is counted."""
        if np.shape(positions) == self._neutral.shape and np.isfinite(positions).all():
            return True
        self.rejected += 1
        return False

    def accept(self, positions: np.ndarray, now: float) -> bool:
        """Takes positions (motors,) as the new target, fresh at `now`; what is no pose is refused."""
        if not self.knows(positions):
            return False
        self._target = np.minimum(np.maximum(positions, 0.0), 1.0)  # np.clip takes five times as long for so few
        self._fresh = self._moved = now
        return True

    def starts_from(self, positions: np.ndarray, now: float) -> None:
        """Takes up positions (motors,), where the servos are found to be, so that the next output is no jump.

        Neutral for those that are not finite: a servo that does not know where it is was left there.
        """
        self._position = np.clip(np.where(np.isfinite(positions), positions, self._neutral), 0.0, 1.0)
        self._now = self._moved = now

    def emergency_stop(self) -> None:
        """Freezes the motors where they are, until reset."""
        self._stopped_idle = self.idle  # first: another thread may be at output meanwhile
        self._stopped = True

    def reset(self, now: float) -> None:
        """Ends an emergency stop; motion starts again from where the motors stand."""
        self._stopped = False
        self._target = self._position.copy()
        self._fresh = self._moved = now

    def output(self, now: float) -> np.ndarray:
        """What may be sent at this moment, (motors,) in 0..1. A clock that goes backwards moves nothing."""
        elapsed, self._now = min(max(0.0, now - self._now), LONGEST_STEP_S), now
        if not self._stopped:
            step = self._max_speed * elapsed
            self._position = self._position + np.minimum(np.maximum(self._aim(now) - self._position, -step), step)
        if np.abs(self._position - self._neutral).max() > AT_REST:
            self._moved = now
        return self._position.copy()

    def home(self) -> None:
        """Starts towards neutral now, from where the face is, however fresh the last command is."""
        if self._now - self._fresh < HOLD_S:
            self._target, self._fresh = self._position.copy(), self._now - HOLD_S

    def _aim(self, now: float) -> np.ndarray:
        silent = now - self._fresh - HOLD_S
        if silent <= 0:
            return self._target
        share = min(1.0, silent / EASE_S)
        smooth = share * share * (3 - 2 * share)
        return self._target + smooth * (self._neutral - self._target)
