"""Whose face the twin wears. Another person's is the canonical one in a warped space.

All is shaped, moved and brought into contact in the canonical frame (geometry, rig), and warped last: what touches there,
lips or lids and eyeballs, touches on every face, and what a motor does follows from the face's proportions.
"""

from typing import NamedTuple

import numpy as np

from ..errors import BadInputError
from .geometry import TO_OTHER_SIDE

Triple = tuple[float, float, float]


class Swell(NamedTuple):
    """A soft region that is moved, and stretched about its centre; one beside the middle has its mirror image."""

    centre: Triple  # cm
    reach: Triple  # cm, the standard deviations of a Gaussian
    stretch: Triple = (0.0, 0.0, 0.0)  # share of the distance from the centre
    shift: Triple = (0.0, 0.0, 0.0)  # cm

    def move(self, points: np.ndarray) -> np.ndarray:
        """points (..., 3) cm -> (..., 3) cm by which they move."""
        move = self._one_side(points)
        return move + self._one_side(points * TO_OTHER_SIDE) * TO_OTHER_SIDE if self.centre[0] else move

    def _one_side(self, points: np.ndarray) -> np.ndarray:
        arm = points - np.array(self.centre)
        weight = np.exp(-np.sum((arm / self.reach) ** 2, axis=-1, keepdims=True) / 2)
        return weight * (np.array(self.shift) + np.array(self.stretch) * arm)


class Face(NamedTuple):
    swells: tuple[Swell, ...] = ()

    def warp(self, points: np.ndarray) -> np.ndarray:
        """points (..., 3) cm of the canonical face -> (..., 3) cm on this one. Smooth, invertible, left and right alike."""
        return points + np.sum([swell.move(points) for swell in self.swells], axis=0) if self.swells else points


FACES = {
    "canonical": Face(),
    "other": Face((
        Swell((0.0, -5.5, 0.0), (12.0, 3.2, 7.0), stretch=(0.14, 0.0, 0.0)),  # a wider jaw
        Swell((0.0, -10.0, 2.0), (9.0, 3.6, 9.0), shift=(0.0, -1.2, 0.0)),  # a longer lower face
        Swell((3.17, 2.64, 2.62), (1.9, 1.9, 1.9), stretch=(-0.17, -0.18, -0.15)),  # smaller eyes ...
        Swell((3.17, 2.64, 2.62), (2.6, 2.6, 4.0), shift=(0.42, 0.0, 0.0)),  # ... wider apart
        Swell((0.0, -4.3, 5.0), (2.6, 1.1, 2.6), stretch=(0.10, 0.16, 0.0)),  # a wider mouth, fuller lips
        Swell((0.0, -1.2, 6.6), (1.6, 1.2, 2.0), stretch=(0.14, 0.0, 0.0), shift=(0.0, 0.0, -0.35)),  # a flatter, broader nose
        Swell((3.4, 5.2, 4.0), (2.6, 1.0, 3.0), shift=(0.0, 0.50, 0.0)),  # higher brows
    )),
}  # fmt: skip


def named(name: str) -> Face:
    """Raises BadInputError for a name that is none of FACES."""
    if name not in FACES:
        raise BadInputError(f"the twin has no face {name!r}. Name one of {', '.join(FACES)}.")
    return FACES[name]
