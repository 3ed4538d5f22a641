"""Which of FaceMesh's 468 points are lips, eyes, brows and chin, and the canonical face they belong to.

Left and right are the subject's own. Sets are MediaPipe's (FACEMESH_LIPS and so on), rings in walking order.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

POINTS = 468

UPPER_LIP_OUTER = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291]  # right corner to left corner
LOWER_LIP_OUTER = [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291]
UPPER_LIP_INNER = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
LOWER_LIP_INNER = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
INNER_LIP_RING = UPPER_LIP_INNER + LOWER_LIP_INNER[-2:0:-1]
LIPS = UPPER_LIP_OUTER + LOWER_LIP_OUTER[-2:0:-1] + INNER_LIP_RING

UPPER_LID_RIGHT = [246, 161, 160, 159, 158, 157, 173]  # outer to inner corner
LOWER_LID_RIGHT = [7, 163, 144, 145, 153, 154, 155]
UPPER_LID_LEFT = [466, 388, 387, 386, 385, 384, 398]
LOWER_LID_LEFT = [249, 390, 373, 374, 380, 381, 382]
EYE_RIGHT = [33, *LOWER_LID_RIGHT, 133, *UPPER_LID_RIGHT[::-1]]  # rings of 16
EYE_LEFT = [263, *LOWER_LID_LEFT, 362, *UPPER_LID_LEFT[::-1]]

BROW_RIGHT = [70, 63, 105, 66, 107, 46, 53, 52, 65, 55]  # upper edge, then lower edge, outer to inner
BROW_LEFT = [300, 293, 334, 296, 336, 276, 283, 282, 295, 285]

CHIN = 152
LOWER_OVAL = [234, 93, 132, 58, 172, 136, 150, 149, 176, 148, CHIN,
              377, 400, 378, 379, 365, 397, 288, 361, 323, 454]  # ten to each side of the chin  # fmt: skip

UPPER_LIP, LOWER_LIP = 13, 14  # the inner edge's midpoints: their distance is the aperture
CORNER_RIGHT, CORNER_LEFT = 61, 291
UPPER_LIDS, LOWER_LIDS = [159, 386], [145, 374]  # their edges' midpoints, right and left

ROBOT = LIPS + EYE_RIGHT + EYE_LEFT + BROW_RIGHT + BROW_LEFT + LOWER_OVAL
ROBOT_POINTS = len(ROBOT)
assert ROBOT_POINTS == 113 == len(set(ROBOT))
_ROBOT_ROWS = np.array(ROBOT)  # a list would be made one for every face

# Rows of a (113, 2) array of robot landmarks, by region of the face.
REGIONS = {
    "mouth": slice(0, 40),
    "eyes": slice(40, 72),
    "brows": slice(72, 92),
    "jaw": slice(92, 113),
}


# dlib's 68 points, as REP 155 numbers them: outline, brows, bridge and nostrils, eyes, outer and inner lips, right to left.
DLIB = [
    127, 234, 132, 58, 172, 150, 149, 148, CHIN, 377, 378, 379, 397, 288, 361, 454, 356,
    *BROW_RIGHT[:5], *BROW_LEFT[4::-1],
    168, 197, 5, 4, 240, 97, 2, 326, 460,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, UPPER_LIP, 312, 308, 317, LOWER_LIP, 87,
]  # fmt: skip
assert len(DLIB) == 68 == len(set(DLIB))


class CanonicalFace(NamedTuple):
    """MediaPipe's canonical face model (Apache-2.0): x right, y up, z to the camera."""

    vertices: np.ndarray  # (468, 3) cm
    uv: np.ndarray  # (468, 2) 0..1, origin at the top left of a texture
    triangles: np.ndarray  # (898, 3) vertex indices
    weights: np.ndarray  # (468,) weight of each point in the alignment, zero for all but 33


def _load() -> CanonicalFace:
    with np.load(Path(__file__).parent / "canonical.npz") as data:
        weights = np.zeros(POINTS)
        weights[data["procrustes_id"]] = data["procrustes_weight"]
        return CanonicalFace(data["v"].astype(float), data["uv"].astype(float), data["tri"].astype(int), weights)


CANONICAL = _load()


def robot_landmarks(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) cm, metric -> (..., 113, 2) cm, the points that a robot face is controlled by."""
    return face[..., :2].take(_ROBOT_ROWS, axis=-2)


def aperture(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) cm -> (...) cm between the inner lips' midpoints."""
    return np.linalg.norm(face[..., UPPER_LIP, :] - face[..., LOWER_LIP, :], axis=-1)


def eye_opening(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) cm -> (...) cm between the lids' midpoints, mean of both eyes."""
    return np.linalg.norm(face[..., UPPER_LIDS, :] - face[..., LOWER_LIDS, :], axis=-1).mean(-1)


def brow_height(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) cm, metric -> (...) cm above the metric face's origin, mean over both brows."""
    return face[..., BROW_RIGHT + BROW_LEFT, 1].mean(-1)


def mouth_width(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) cm -> (...) cm between the mouth's corners."""
    return np.linalg.norm(face[..., CORNER_RIGHT, :] - face[..., CORNER_LEFT, :], axis=-1)
