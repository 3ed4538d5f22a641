"""Who is slow misses pictures, and never sees an old one."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from lipsync_robot.vision.newest import Newest, Seen, again, played

PATIENCE_S = 20.0


def picture(k: int) -> np.ndarray:
    return np.full((2, 2, 3), k, np.uint8)


class Told:
    """How often something was told, to be waited for."""

    def __init__(self) -> None:
        self._count = threading.Semaphore(0)

    def __call__(self) -> None:
        self._count.release()

    def wait(self, times: int) -> None:
        for _ in range(times):
            assert self._count.acquire(timeout=PATIENCE_S)


def test_a_slow_consumer_gets_the_newest_and_only_once() -> None:
    told = Told()
    newest = Newest((Seen(k, picture(k)) for k in range(10)), told)
    told.wait(11)  # ten pictures, and the end
    taken = newest.take()
    assert taken is not None
    assert (taken.moment, taken.picture[0, 0, 0]) == (9, 9)
    assert newest.take() is None
    assert (newest.seen, newest.missed, newest.ended, newest.failure) == (10, 9, True, None)


def test_why_there_are_no_more_pictures_is_told() -> None:
    def unplugged() -> Iterator[Seen]:
        yield Seen(0.0, picture(0))
        raise ConnectionError("gone")

    told = Told()
    newest = Newest(unplugged(), told)
    told.wait(2)
    assert newest.ended
    assert str(newest.failure) == "gone"


def test_closing_ends_a_camera_that_never_ends() -> None:
    told = Told()
    endless = threading.Event()

    def camera() -> Iterator[Seen]:
        k = 0
        while not endless.wait(0.001):
            yield Seen(float(k), picture(0))

    newest = Newest(camera(), told)
    told.wait(3)
    newest.close()
    seen = newest.seen
    assert not endless.wait(0.1)  # in which a hundred more would come
    assert newest.seen == seen
    endless.set()


def film() -> Iterator[tuple[float, np.ndarray]]:
    return ((k / 50, picture(k)) for k in range(5))


def test_a_film_that_is_repeated_goes_on_in_time() -> None:
    pictures = played(again(film, loop=True))
    seen = [next(pictures) for _ in range(12)]
    moments = np.array([each.moment for each in seen])
    # Where the machine was slow some are left out; none comes early, none twice, and all are on the film's own grid.
    steps = np.diff(moments) * 50
    assert steps == pytest.approx(steps.round(), abs=1e-3)
    assert (steps.round() >= 1).all()
    shown = np.array([each.picture[0, 0, 0] for each in seen])
    assert shown == pytest.approx(((moments - moments[0]) * 50 + shown[0]).round() % 5)


def test_a_film_that_is_played_once_ends() -> None:
    assert [each.picture[0, 0, 0] for each in played(again(film, loop=False))][-1] == 4
