"""A serial line that loses, damages and delays what passes through it, the same way every time. Pure: time is passed in."""

from collections import deque

import numpy as np

TO_DEVICE, TO_HOST = range(2)


class Line:
    """The line between a host and its device; as it is made, everything arrives at once and whole.

    drop, corrupt: the probability that a byte is lost, or that one of its bits is flipped. wrong_speed: what arrives is noise.
    delay_s: how late everything arrives, in each direction; a change counts for what is under way too.
    """

    def __init__(self, seed: int) -> None:
        self._under_way: tuple[deque[tuple[float, bytes]], ...] = (deque(), deque())
        self.seed(seed)
        self.clear()

    def seed(self, seed: int) -> None:
        """The same bytes fare the same after the same seed, however they are cut into chunks, each direction by itself."""
        self._random = [np.random.default_rng([seed, way]) for way in (TO_DEVICE, TO_HOST)]

    def clear(self) -> None:
        """Ends all faults."""
        self.drop = self.corrupt = self.delay_s = 0.0
        self.wrong_speed = False

    def to_device(self, sent: bytes, now: float) -> bytes:
        """What the host sends at this moment, possibly nothing -> what reaches the device by now."""
        return self._carry(TO_DEVICE, sent, now)

    def to_host(self, sent: bytes, now: float) -> bytes:
        """What the device sends at this moment, possibly nothing -> what reaches the host by now."""
        return self._carry(TO_HOST, sent, now)

    def garbage(self, count: int) -> tuple[bytes, bytes]:
        """-> count random bytes for the device, and as many for the host."""
        return self._random[TO_DEVICE].bytes(count), self._random[TO_HOST].bytes(count)

    def _carry(self, way: int, sent: bytes, now: float) -> bytes:
        under_way = self._under_way[way]
        if sent:
            under_way.append((now, self._damaged(way, sent)))
        arrived = b""
        while under_way and under_way[0][0] + self.delay_s <= now:
            arrived += under_way.popleft()[1]
        return arrived

    def _damaged(self, way: int, sent: bytes) -> bytes:
        if not (self.drop or self.corrupt or self.wrong_speed):
            return sent
        # Three draws a byte whatever is asked for, so that chunks make no difference.
        lost, flipped, chosen = self._random[way].random((len(sent), 3)).T
        data = np.frombuffer(sent, np.uint8)
        if self.wrong_speed:
            data = (256 * chosen).astype(np.uint8)
        bits = np.uint8(1) << (8 * chosen).astype(np.uint8)
        data = np.where(flipped < self.corrupt, data ^ bits, data)
        return data[lost >= self.drop].tobytes()
