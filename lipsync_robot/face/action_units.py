"""Facial action units of Ekman and Friesen's FACS, as far as landmarks hold them: how far a face is from its own rest.

A unit's intensity is its measure's change from rest over the change that counts as full, cut to 0..1: a scale in cm, not
FACS's A to E, which trained people judge by eye. Wrinkles, cheeks, dimples and teeth are not in landmarks, and 12 and 20 cannot
be told apart by the corners' way outwards alone: 12 goes by their height, 20 by the width.
"""

from typing import NamedTuple

import numpy as np

from . import landmarks as face
from .landmarks import CORNER_LEFT, CORNER_RIGHT, LOWER_LIP, UPPER_LIP

INNER_BROWS = [107, 66, 336, 296]
OUTER_BROWS = [70, 63, 300, 293]
CORNERS = [CORNER_RIGHT, CORNER_LEFT]
NOSE = 2  # below it, which the jaw does not move
WITH_THE_JAW = 0.5  # of the chin's way is the corners', which is no mood
OUTER_LIPS = [0, 17]  # the red's edges, at the middle


class Unit(NamedTuple):
    name: str
    measure: str  # of _measures
    full: float  # change from rest, cm, or a share of what it is at rest; its sign is the unit's direction


UNITS = {  # by FACS's number
    1: Unit("inner brow raiser", "inner brows", 0.7),
    2: Unit("outer brow raiser", "outer brows", 0.7),
    4: Unit("brow lowerer", "inner brows", -0.5),
    5: Unit("upper lid raiser", "eyes", 0.4),
    12: Unit("lip corner puller", "corners", 0.7),
    15: Unit("lip corner depressor", "corners", -0.5),
    18: Unit("lip pucker", "width", -0.3),
    20: Unit("lip stretcher", "width", 0.25),
    24: Unit("lip pressor", "red", -0.6),
    25: Unit("lips part", "aperture", 1.0),
    26: Unit("jaw drop", "chin", 1.5),
    43: Unit("eyes closed", "eyes", -0.85),
}
SHARES = {"eyes", "width", "red"}  # measured against what they are at rest: eyes and mouths differ in size


def action_units(points: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """points (..., 468, 3) cm, metric face, and rest (468, 3), the same face at rest -> (..., 12) 0..1, in UNITS' order."""
    now, then = _measures(points), _measures(rest)
    change = {name: (now[name] - then[name]) / (np.maximum(then[name], 1e-6) if name in SHARES else 1.0) for name in now}
    return np.stack([np.clip(change[unit.measure] / unit.full, 0.0, 1.0) for unit in UNITS.values()], axis=-1)


def _measures(points: np.ndarray) -> dict[str, np.ndarray]:
    """points (..., 468, 3) -> each (...) cm."""
    y = points[..., 1]
    lips, chin = y[..., OUTER_LIPS], y[..., NOSE] - y[..., face.CHIN]
    return {
        "inner brows": y[..., INNER_BROWS].mean(-1),
        "outer brows": y[..., OUTER_BROWS].mean(-1),
        "eyes": face.eye_opening(points),
        "corners": y[..., CORNERS].mean(-1) - y[..., NOSE] + WITH_THE_JAW * chin,
        "width": face.mouth_width(points),
        "red": lips[..., 0] - lips[..., 1] - (y[..., UPPER_LIP] - y[..., LOWER_LIP]),
        "aperture": face.aperture(points),
        "chin": chin,
    }
