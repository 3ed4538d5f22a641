"""Pictures as time passes, and of those the newest: who is slow misses some, and never sees an old one."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import NamedTuple

import numpy as np

from .camera import Camera
from .video import Frames

LATE_S = 0.1  # a picture of a film that is shown later than this is left out, as a camera would have missed it


class Seen(NamedTuple):
    moment: float  # s since the epoch, when it was taken
    picture: np.ndarray  # (h, w, 3) uint8 RGB


class Newest:
    """One slot, which a thread of its own fills. A camera waits for nobody, and nothing waits for the camera."""

    def __init__(self, pictures: Iterable[Seen], tell: Callable[[], None]) -> None:
        """tell: called from the thread after each picture, and when there is none any more."""
        self.taken = self.seen = 0  # pictures
        self.ended = False
        self.failure: Exception | None = None  # what ended it, where that was no end of the film
        self._slot: deque[Seen] = deque(maxlen=1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(pictures, tell), daemon=True)
        self._thread.start()

    @property
    def missed(self) -> int:
        """Pictures that nobody took before the next one came."""
        return self.seen - self.taken - len(self._slot)

    def take(self) -> Seen | None:
        """The newest picture, once."""
        try:
            newest = self._slot.popleft()
        except IndexError:
            return None
        self.taken += 1
        return newest

    def close(self) -> None:
        """Ends with the picture that is being waited for."""
        self._closed.set()
        self._thread.join(1.0)

    def _fill(self, pictures: Iterable[Seen], tell: Callable[[], None]) -> None:
        try:
            for each in pictures:
                if self._closed.is_set():
                    return
                self.seen += 1
                self._slot.append(each)
                tell()
        except Exception as error:  # told to whoever takes, who is in another thread
            self.failure = error
        self.ended = True
        if not self._closed.is_set():
            tell()


def live(source: str) -> Iterator[Seen]:
    """A camera's pictures, for ever. Each one's moment is when it came: what camera and USB needed before is not known.

    Raises CameraError.
    """
    with Camera(source) as camera:
        while True:
            picture = camera.picture()
            yield Seen(time.time(), picture)


def played(films: Iterable[Frames]) -> Iterator[Seen]:
    """Films, one after the other, each picture at its moment in real time: time begins when the first one is there."""
    begin = 0.0
    for film in films:
        moments = [0.0]
        for moment, picture in film:
            begin = begin or time.time()
            moments = [moments[-1], moment]
            ahead = begin + moment - time.time()
            if ahead >= -LATE_S:
                time.sleep(max(0.0, ahead))
                yield Seen(begin + moment, picture)
        begin += 2 * moments[-1] - moments[0]  # the last picture is seen as long as the one before it


def again(film: Callable[[], Frames], loop: bool) -> Iterator[Frames]:
    """The film, opened anew each time: once, or for ever."""
    return (film() for _ in (count() if loop else range(1)))
