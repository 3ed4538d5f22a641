"""Blinks from a timing model, because sound does not hold them: about one in five seconds. Seed 001, section 4.3."""

import numpy as np

from ..face.landmarks import LOWER_LID_LEFT, LOWER_LID_RIGHT, UPPER_LID_LEFT, UPPER_LID_RIGHT

MEAN_PAUSE_S = 5.0
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.5, 30.0
CLOSING_S, CLOSED_S, OPENING_S = 0.08, 0.04, 0.16
UPPER = UPPER_LID_RIGHT + UPPER_LID_LEFT
LOWER = LOWER_LID_RIGHT + LOWER_LID_LEFT


class Blinks:
    """Decides when to blink. The same seed and the same moments give the same blinks."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._next: float | None = None

    def __call__(self, face: np.ndarray, moment: float) -> np.ndarray:
        """face (468, 3) cm, moment in s -> the face with its lids as far closed as they are then."""
        if self._next is None or self._next - moment > LONGEST_PAUSE_S:  # later than any pause ends: the clock was set back
            self._next = moment + self._pause()
        since = moment - self._next
        if since <= 0:
            return face
        if since > CLOSING_S + CLOSED_S + OPENING_S:
            self._next = moment + self._pause()
        closing = float(np.interp(since, np.cumsum([0, CLOSING_S, CLOSED_S, OPENING_S]), [0, 1, 1, 0]))
        if closing == 0:
            return face
        blinking = face.copy()
        blinking[UPPER] += closing * (face[LOWER] - face[UPPER])
        return blinking

    def _pause(self) -> float:
        return min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S + float(self._random.exponential(MEAN_PAUSE_S - SHORTEST_PAUSE_S)))
