"""FaceMesh's jitter taken from a face that is still, and next to no time from one that moves.

A point follows what is seen by a share of the way that grows with the way itself: jitter is near, a motion soon is not.
Against a one-euro filter of the same jitter it lags by a few milliseconds instead of 10 to 30: bench/smoothing.py.
"""

import numpy as np

NEAR_CM = 0.1  # of which half is believed: three times FaceMesh's jitter in a lip
PATIENCE_S = 0.8  # in which what stays near is reached all the same
FORGOTTEN_S = 0.5  # after a longer gap it begins anew


class Smoothing:
    def __init__(self, near_cm: float = NEAR_CM) -> None:
        """near_cm: 0 lets everything through."""
        self.near_cm = near_cm
        self._points: np.ndarray | None = None
        self._moment = 0.0

    def __call__(self, points: np.ndarray, moment: float) -> np.ndarray:
        """points (n, 3) cm at a moment in s -> the same, steadier."""
        passed, self._moment = moment - self._moment, moment
        if self._points is None or not 0 <= passed <= FORGOTTEN_S:
            self._points = points
            return points
        way = points - self._points
        length = np.square(way).sum(-1, keepdims=True)
        share = length / np.maximum(length + self.near_cm**2, np.finfo(float).tiny)
        self._points = self._points + np.maximum(share, 1 - np.exp(-passed / PATIENCE_S)) * way
        return self._points
