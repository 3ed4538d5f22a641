"""Sound that arrives in chunks while it is still being made, for any time."""

import queue
from collections.abc import Iterator

import av
import numpy as np

from ..errors import BadInputError
from .files import Resampler, to_frame

LOWEST_HZ, HIGHEST_HZ = 8_000, 48_000
LONGEST_S = 600.0  # that may wait: a sender has no reason to be further ahead, and memory has an end


class ChunkError(BadInputError):
    """A chunk cannot be used."""


class Chunks:
    """Filled by one thread, read by another: pieces (n,) float32 in -1..1 at 16 kHz, until the last chunk."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[av.AudioFrame | None] = queue.Queue()
        self._added_s = self._taken_s = 0.0  # each written by one thread
        self._ended = False

    def add(self, samples: np.ndarray, rate: int) -> None:
        """samples (n,) int16 at rate (Hz), which may differ from chunk to chunk. Raises ChunkError."""
        if not LOWEST_HZ <= rate <= HIGHEST_HZ:
            raise ChunkError(f"a chunk has a sample_rate of {rate} Hz; send {LOWEST_HZ} to {HIGHEST_HZ} Hz.")
        if self._added_s - self._taken_s + len(samples) / rate > LONGEST_S:
            raise ChunkError(f"more than {LONGEST_S:.0f} s wait to be said. Send chunks no faster than they are heard.")
        if self._ended or not len(samples):
            return
        self._added_s += len(samples) / rate
        self._waiting.put(to_frame(samples, rate))

    def end(self) -> None:
        """Nothing follows; wakes who reads."""
        self._ended = True
        self._waiting.put(None)

    def __iter__(self) -> Iterator[np.ndarray]:
        resample = Resampler()
        while (frame := self._waiting.get()) is not None:
            self._taken_s += frame.samples / frame.sample_rate
            yield from resample(frame)
        yield from resample(None)
