"""Sound hop by hop in real time, as a microphone would bring it."""

from collections.abc import Iterator

import numpy as np

from .files import FULL_SCALE
from .mel import HOP, SAMPLE_RATE

HOP_S = HOP / SAMPLE_RATE
HELD_UP_S = 0.2  # who was stopped for longer, or whose clock was set, goes on with the block they were at
EARLY_S = 0.0002  # or a timer of the same rhythm would find a block just due at one time and not yet at the next


class Pace:
    """The moments of blocks that follow one another: each is due when its last sample has been spoken."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._passed = 0  # blocks
        self._asked: float | None = None  # s, when it was asked last what is due

    @property
    def next(self) -> float | None:
        """The moment of the next block's first sample, s; None while nothing is spoken."""
        return None if self._began is None else self._began + self._passed * HOP_S

    def start(self, moment: float) -> None:
        """The next block begins at moment (s), less EARLY_S."""
        self._began, self._passed, self._asked = moment - EARLY_S, 0, None

    def stop(self) -> None:
        self._began = None

    def due(self, now: float) -> Iterator[float]:
        """The moments of the blocks that are due by now (s), each counted as spoken once it was taken."""
        if self._began is not None and self._asked is not None and abs(now - self._asked) > HELD_UP_S:
            # By whole hops: all of one sound stays in one rhythm, though after a clock was set perhaps not in its timer's.
            self._began += round((now - self._asked) / HOP_S) * HOP_S
        self._asked = now
        while (moment := self.next) is not None and now >= moment + HOP_S:
            self._passed += 1
            yield moment


def blocks(pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pieces (n,) float32 in -1..1, of any length -> blocks of one hop, (320,) int16; silence fills up the last one."""
    waiting = np.empty(0, np.int16)
    for piece in pieces:
        whole = np.clip(np.round(piece * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        waiting = np.concatenate([waiting, whole.astype(np.int16)])
        while len(waiting) >= HOP:
            yield waiting[:HOP]
            waiting = waiting[HOP:]
    if len(waiting):
        yield np.pad(waiting, (0, HOP - len(waiting)))
