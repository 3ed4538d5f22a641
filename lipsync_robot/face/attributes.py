"""What tells one face from another, measured on its 113 landmarks. Seed 001, summer report, section 5.2.

The seed had a cloud service label photographs. Of its labels, landmarks hold width, height, shape (here the jaw's width), eyes,
brows and lips; the mouth's width and the eyes' distance join them, and each lip counts for itself. Age and gender have no
definition by landmarks: they are left out. Measure faces at rest, or their expression counts as identity.
"""

import numpy as np

from .landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    CHIN,
    CORNER_LEFT,
    CORNER_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    LOWER_LIP_INNER,
    LOWER_LIP_OUTER,
    LOWER_OVAL,
    POINTS,
    ROBOT,
    ROBOT_POINTS,
    UPPER_LIP_INNER,
    UPPER_LIP_OUTER,
)
from .scores import area

ATTRIBUTES = (
    "face width", "face height", "jaw width", "mouth width", "upper lip", "lower lip",
    "eye size", "eye distance", "brow thickness", "brow curve", "brow length",
)  # fmt: skip
EARS = [LOWER_OVAL[0], LOWER_OVAL[-1]]
JAW_ANGLES = [172, 397]
MIDDLE = slice(3, 8)  # of a lip, whose thickness is wanted: towards its corners it thins out
EDGE = len(BROW_RIGHT) // 2  # points of each edge of a brow, outer to inner
LIPS = (UPPER_LIP_OUTER, LOWER_LIP_OUTER), (UPPER_LIP_INNER, LOWER_LIP_INNER)

_ROWS = np.full(POINTS, -1)
_ROWS[ROBOT] = np.arange(ROBOT_POINTS)


def attributes(landmarks: np.ndarray) -> np.ndarray:
    """landmarks (..., 113, 2) cm -> (..., 11) in the order of ATTRIBUTES: cm, eye size cm²."""

    def at(points: list) -> np.ndarray:
        """points (...) by FaceMesh's numbers -> the same of them, with x and y."""
        return landmarks[..., _ROWS[points], :]

    centres = at([EYE_RIGHT, EYE_LEFT]).mean(-2)  # (..., 2, 2)
    brows = at([BROW_RIGHT, BROW_LEFT])  # (..., 2, 10, 2)
    upper, lower = brows[..., :EDGE, :], brows[..., EDGE:, :]
    middle = (upper + lower) / 2
    arch = upper[..., EDGE // 2, 1] - (upper[..., 0, 1] + upper[..., -1, 1]) / 2
    outside, inside = (at([lip[MIDDLE] for lip in edges]) for edges in LIPS)
    lips = np.linalg.norm(outside - inside, axis=-1).mean(-1)  # (..., 2)
    eye_size = (area(landmarks, _ROWS[EYE_RIGHT].tolist()) + area(landmarks, _ROWS[EYE_LEFT].tolist())) / 2
    each = (
        _distance(at(EARS)),
        np.linalg.norm(centres.mean(-2) - at([CHIN])[..., 0, :], axis=-1),
        _distance(at(JAW_ANGLES)),
        _distance(at([CORNER_RIGHT, CORNER_LEFT])),
        lips[..., 0],
        lips[..., 1],
        eye_size,
        _distance(centres),
        np.linalg.norm(upper - lower, axis=-1).mean((-2, -1)),
        arch.mean(-1),
        _distance(middle[..., [0, -1], :]).mean(-1),
    )
    return np.stack(each, axis=-1)


def _distance(pair: np.ndarray) -> np.ndarray:
    """pair (..., 2, 2) -> (...) between its two points."""
    return np.linalg.norm(pair[..., 0, :] - pair[..., 1, :], axis=-1)
