"""Pictures to 468 screen landmarks: the only file that imports mediapipe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import mediapipe
import numpy as np

from ..face.landmarks import POINTS
from ..face.metric import MetricFace, metric_face


class FaceMesh:
    """Follows one face from frame to frame; five times less noisy than looking at each picture afresh."""

    def __init__(self) -> None:
        with _chatter_silenced():
            self._mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=1, refine_landmarks=True)
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))  # its threads load the models now, not some time later
        self._has_seen_a_face = False  # at which it talks once more

    def screen(self, rgb: np.ndarray) -> np.ndarray | None:
        """rgb (h, w, 3) uint8 -> (468, 3): x and y in 0..1 of the picture, z in x's scale; None where no face is found."""
        with nullcontext() if self._has_seen_a_face else _chatter_silenced():
            found = self._mesh.process(rgb).multi_face_landmarks
        self._has_seen_a_face |= bool(found)
        if not found:
            return None
        return np.array([(p.x, p.y, p.z) for p in found[0].landmark[:POINTS]])

    def __call__(self, rgb: np.ndarray) -> MetricFace | None:
        """rgb (h, w, 3) uint8 -> the metric face, or None where no face is found."""
        points = self.screen(rgb)
        return None if points is None else metric_face(points, rgb.shape[1], rgb.shape[0])

    def close(self) -> None:
        self._mesh.close()


class FaceCounter:
    """How many faces a picture shows. On a picture a second it costs far less than following a second face all along."""

    def __init__(self) -> None:
        with _chatter_silenced():
            self._detector = mediapipe.solutions.face_detection.FaceDetection(min_detection_confidence=0.5)
            self._detector.process(np.zeros((64, 64, 3), np.uint8))

    def __call__(self, rgb: np.ndarray) -> int:
        """rgb (h, w, 3) uint8 -> faces in it, of people within two metres or so."""
        with _chatter_silenced():
            return len(self._detector.process(rgb).detections or ())


@contextmanager
def _chatter_silenced() -> Iterator[None]:
    """MediaPipe's C++ side writes to the terminal what no option turns off; what goes wrong it raises all the same."""
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)
