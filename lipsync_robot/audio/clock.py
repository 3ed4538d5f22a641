"""From counts of samples to moments of the system's clock: late callbacks and a sound card's own rate filtered out.

A delay-locked loop (Adriaensen, "Using a DLL to filter time", 2005). What it compares is the least late callback of the last
two seconds: a scheduler makes callbacks late, never early, and how late on average depends on what else the machine does.
"""

import math
from collections import deque

BANDWIDTH_HZ = 0.02  # of the loop: crystals drift with the temperature of the room
LOOK_S = 0.25  # between two corrections
LOOKS = 8  # that the least late callback is taken of
JUMP_S = 0.015  # off by more in all of the last half second: samples were lost, or the system's clock was set
JUMP_LOOKS = 2
LARGEST_PPM = 500.0  # sound cards are off by 100

OMEGA = 2 * math.pi * BANDWIDTH_HZ * LOOK_S
PHASE_GAIN, RATE_GAIN = math.sqrt(2) * OMEGA, OMEGA**2  # of a loop without overshoot to speak of


class SampleClock:
    """Moments of a stream of samples, captured or played. They go back only when the system's clock was set back.

    After a jump it locks anew at once, with the card's rate as known.
    """

    def __init__(self, rate: int) -> None:
        """rate: Hz, as the card calls it."""
        self.relocks = 0  # jumps after it had settled
        self.ppm = 0.0  # by which the card is faster than the system's clock, parts per million
        self._rate = rate
        self._next: float | None = None  # the moment of the next sample
        self._stamp = -math.inf  # the last moment that was given out
        self._looked = -math.inf  # the moment of the last look
        self._least = math.inf  # s, by which the least late callback since then was
        self._late: deque[float] = deque(maxlen=LOOKS)  # s, by which the least late callback of each look was
        self._looks = 0  # since it was locked

    def __call__(self, count: int, moment: float) -> float:
        """The next count samples, and the moment (s) of the first as one callback knows it -> that moment, filtered."""
        if self._next is None:
            self._next, self._looked = moment, moment
        stamp = self._stamp = max(self._stamp, self._next)
        self._least = min(self._least, moment - self._next)
        self._next += count / (self._rate * (1 + 1e-6 * self.ppm))
        if abs(moment - self._looked) >= LOOK_S:
            self._next += self._look()
            self._looked, self._least = moment, math.inf
        return stamp

    def _look(self) -> float:
        """-> s by which the moment of the next sample moves."""
        self._late.append(self._least)
        recent = list(self._late)[-JUMP_LOOKS:]
        settled = self._looks * PHASE_GAIN >= 1  # until then it is looking for its place, and learns nothing of the card
        if len(recent) == JUMP_LOOKS and (min(recent) > JUMP_S or max(recent) < -JUMP_S):
            self.relocks += settled
            self._looks, self._stamp = JUMP_LOOKS, -math.inf
            self._late.clear()
            return min(recent)
        self._looks += 1
        error = min(self._late)
        shift = max(PHASE_GAIN, 1 / self._looks) * error
        self._late = deque((late - shift for late in self._late), maxlen=LOOKS)
        if settled:
            self.ppm = min(LARGEST_PPM, max(-LARGEST_PPM, self.ppm - 1e6 * RATE_GAIN * error / LOOK_S))
        return shift
