"""Sound between a thread that makes it, at its own speed, and whoever says it hop by hop."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np

from ..errors import LipsyncError
from .pacing import HOP_S, blocks

log = logging.getLogger(__name__)

AHEAD_S = 2.0  # that is made before it is said: an hour costs no more memory than a second
LOOK_EVERY_S = 0.1  # at whether it has been closed


class Feed:
    """Runs an iterator of pieces (n,) float32 at 16 kHz in a thread of its own, a little ahead of who takes them."""

    def __init__(self, pieces: Iterator[np.ndarray], interrupt: Callable[[], None] = lambda: None) -> None:
        """interrupt: wakes pieces from whatever they wait for; called from another thread."""
        self.error = ""  # why the sound ends before its end, in a sentence; known once it is over
        self._pieces, self._interrupt = pieces, interrupt
        self._blocks: queue.Queue[np.ndarray] = queue.Queue(round(AHEAD_S / HOP_S))
        self._closed, self._made = threading.Event(), threading.Event()
        threading.Thread(target=self._make, name="feed", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether a block waits to be taken."""
        return not self._blocks.empty()

    @property
    def over(self) -> bool:
        """Whether all has been taken, and nothing follows."""
        return self._made.is_set() and not self.ready

    def take(self) -> np.ndarray | None:
        """The next block, (320,) int16; None where it is not made yet, or all is over."""
        with contextlib.suppress(queue.Empty):
            return self._blocks.get_nowait()
        return None

    def close(self) -> None:
        """Makes nothing more. Returns at once."""
        self._closed.set()
        self._interrupt()

    def _make(self) -> None:
        try:
            for block in blocks(self._pieces):
                while not self._closed.is_set():
                    with contextlib.suppress(queue.Full):
                        self._blocks.put(block, timeout=LOOK_EVERY_S)
                        break
                if self._closed.is_set():
                    break
        except LipsyncError as error:
            self.error = str(error)
        except Exception as error:  # whatever a decoder raises: who waits for this sound must hear of it
            log.exception("feed")
            self.error = f"this sound cannot be made: {error!r}."
        finally:
            self._made.set()
