"""Pictures to the face of the person that is followed: found, chosen, held against the gate, smoothed."""

from typing import NamedTuple

import numpy as np

from ..face.metric import MetricFace, metric_face
from .camera import equalised
from .facemesh import FaceMesh
from .follow import Follower
from .gate import LEAST_SHARP, MOST_TURNED_DEG, Gate, too_dark
from .smoothing import NEAR_CM, Smoothing


class Sight(NamedTuple):
    face: MetricFace | None
    why: str  # there is none, in words; empty where there is one


class Watcher:
    def __init__(
        self,
        faces: int = 2,
        grey: bool = False,
        most_turned_deg: float = MOST_TURNED_DEG,
        least_sharp: float = LEAST_SHARP,
        near_cm: float = NEAR_CM,
    ) -> None:
        """faces: among so many the nearest is chosen; grey: looks at grey pictures with equalised histogram, for a robot's face
        (seed 001, section 2.5); most_turned_deg, least_sharp: as Gate's; near_cm: as Smoothing's."""
        self._mesh, self._grey = FaceMesh(faces), grey
        self._follower, self.gate, self.smoothing = Follower(), Gate(most_turned_deg, least_sharp), Smoothing(near_cm)

    def __call__(self, rgb: np.ndarray, moment: float) -> Sight:
        """rgb (h, w, 3) uint8, taken at a moment in s."""
        height, width = rgb.shape[:2]
        screens = self._mesh.screens(equalised(rgb) if self._grey else rgb)
        faces = [metric_face(screen, width, height) for screen in screens]
        chosen = self._follower([face.pose[:3, 3] for face in faces], moment)
        if chosen is None:
            return Sight(None, "another face" if faces else "no face: it is too dark" if too_dark(rgb) else "no face")
        face = faces[chosen]
        why = self.gate.refusal(rgb, screens[chosen], face, moment)
        if why:
            return Sight(None, why)
        return Sight(face._replace(points=self.smoothing(face.points, moment)), "")

    def close(self) -> None:
        self._mesh.close()
