"""Of several faces one: the nearest, and then that one for as long as it is there."""

from collections.abc import Sequence

import numpy as np

SAME_CM = 12.0  # between two sights of the same face: less than a head's width
FORGOTTEN_S = 1.0  # a face that was not seen for so long is followed no more


class Follower:
    def __init__(self) -> None:
        self._at: np.ndarray | None = None
        self._seen = -np.inf  # s, when

    def __call__(self, places: Sequence[np.ndarray], moment: float) -> int | None:
        """places (3,) cm, each face's in front of the camera; moment: s -> which of them is followed, None if none is."""
        if not 0 <= moment - self._seen <= FORGOTTEN_S:
            self._at = None
        if not len(places):
            return None
        away = np.linalg.norm(np.array(places) - (0.0 if self._at is None else self._at), axis=1)
        chosen = int(np.argmin(away))
        if self._at is not None and away[chosen] > SAME_CM:
            return None
        self._at, self._seen = places[chosen], moment
        return chosen
