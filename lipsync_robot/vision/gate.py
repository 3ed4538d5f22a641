"""Which pictures a face is to be taken from. Seed 001, summer report, section 7: fuzzy frames made its robot unsteady.

A picture that is refused costs nothing: the driver holds the last pose, and goes home if none comes for a while.
"""

from collections import deque

import cv2
import numpy as np

from ..face.metric import MetricFace

SIDE = 96  # pixels, of the square that a face is looked at in, whatever its size
REMEMBERED_S = 2.0  # of pictures that say how sharp this camera sees this face
FEWEST = 5  # of them
DARK = 24  # of 255
MOST_TURNED_DEG = 40.0  # away from the camera: beyond, landmarks are off by 0.5 cm and more (the twin, turned)
LEAST_SHARP = 0.5  # of the median of late: what a smear over 6 % of the face leaves, which costs 0.1 cm


class Gate:
    """Carries how sharp the pictures were of late: a camera that sees badly all the time is believed all the same."""

    def __init__(self, most_turned_deg: float = MOST_TURNED_DEG, least_sharp: float = LEAST_SHARP) -> None:
        self.most_turned_deg, self.least_sharp = most_turned_deg, least_sharp
        self._late: deque[tuple[float, float]] = deque()  # (moment, sharpness)

    def refusal(self, rgb: np.ndarray, screen: np.ndarray, face: MetricFace, moment: float) -> str:
        """Why a face is not to be used, in words; "" if it is. rgb (h, w, 3) uint8, taken at a moment in s; screen (468, 3)."""
        sharp = sharpness(rgb, screen)
        while self._late and not 0 <= moment - self._late[0][0] <= REMEMBERED_S:
            self._late.popleft()
        usual = float(np.median([each for _, each in self._late])) if len(self._late) >= FEWEST else 0.0
        self._late.append((moment, sharp))
        turned = turned_deg(face.pose)
        if turned > self.most_turned_deg:
            return f"turned away by {turned:.0f} degrees"
        if sharp < self.least_sharp * usual:
            return "blurred"
        return ""


def turned_deg(pose: np.ndarray) -> float:
    """pose (4, 4), canonical frame to camera frame -> degrees between where the face looks and where the camera is."""
    ahead, place = pose[:3, 2], pose[:3, 3]
    return float(np.degrees(np.arccos(-(ahead @ place) / (np.linalg.norm(ahead) * np.linalg.norm(place)))))


def sharpness(rgb: np.ndarray, screen: np.ndarray) -> float:
    """Mean square of the Laplacian over the face, against the variance of its brightness: no unit, and none of the light."""
    height, width = rgb.shape[:2]
    corners = np.stack([screen[:, :2].min(0), screen[:, :2].max(0)]) * (width, height)
    (left, top), (right, bottom) = np.clip(corners.round().astype(int), 0, (width, height))
    if right - left < 8 or bottom - top < 8:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    square = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return float(np.square(cv2.Laplacian(square, cv2.CV_32F)).mean() / max(1.0, square.var()))


def too_dark(rgb: np.ndarray) -> bool:
    """Whether a picture is so dark that no face can be expected in it."""
    return bool(rgb[::8, ::8].mean() < DARK)
