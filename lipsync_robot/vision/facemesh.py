"""Pictures to 468 screen landmarks: the only file that imports mediapipe."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import mediapipe
import numpy as np

from ..face.landmarks import POINTS
from ..face.metric import MetricFace, metric_face
from .camera import equalised


class FaceMesh:
    """Follows faces from frame to frame; five times less noisy than looking at each picture afresh."""

    def __init__(self, faces: int = 1) -> None:
        """faces: the most to be followed. While there are fewer, each picture is searched for more, which costs 3 ms."""
        with _chatter_silenced():
            self._mesh = mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=faces, refine_landmarks=True)
            self._mesh.process(np.zeros((64, 64, 3), np.uint8))  # its threads load the models now, not some time later
        self._has_seen_a_face = False  # at which it talks once more

    def screens(self, rgb: np.ndarray) -> list[np.ndarray]:
        """rgb (h, w, 3) uint8 -> of each face (468, 3): x and y in 0..1 of the picture, z in x's scale."""
        with nullcontext() if self._has_seen_a_face else _chatter_silenced():
            found = self._mesh.process(rgb).multi_face_landmarks or ()
        self._has_seen_a_face |= bool(found)
        return [np.array([(p.x, p.y, p.z) for p in face.landmark[:POINTS]]) for face in found]

    def screen(self, rgb: np.ndarray) -> np.ndarray | None:
        """rgb (h, w, 3) uint8 -> (468, 3) of the first face, as screens; None where none is found."""
        return next(iter(self.screens(rgb)), None)

    def __call__(self, rgb: np.ndarray) -> MetricFace | None:
        """rgb (h, w, 3) uint8 -> the metric face, or None where no face is found."""
        points = self.screen(rgb)
        return None if points is None else metric_face(points, rgb.shape[1], rgb.shape[0])

    def close(self) -> None:
        self._mesh.close()


LEAST_LOOKS = 12  # at 4 ms each
WINDOW_PIXELS = 3  # by which the window moves over a picture, to every side
NEW = 2  # looks that FaceMesh, which follows a face, needs to find its way to a new expression


class SteadyLook:
    """The mean of what FaceMesh sees in several pictures of one expression, or in one through a window that moves.

    Each look has an error of its own, 0.03 cm for the twin's lips, that depends on how the face falls on the pixels and,
    more so, on the side it is seen from.
    """

    def __init__(self, grey: bool = False) -> None:
        """grey: looks at grey pictures with equalised histogram; seed 001, section 2.5, found robots' faces better in them."""
        self._mesh, self._grey = FaceMesh(), grey

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray | None:
        """pictures (h, w, 3) uint8 RGB -> (468, 3) cm, metric face, or None where one of them shows no face."""
        seen = []
        windows = np.random.default_rng(0).integers(0, 2 * WINDOW_PIXELS + 1, (max(LEAST_LOOKS, len(pictures)) + NEW, 2))
        for k, (down, right) in enumerate(windows.tolist(), start=-NEW):
            picture = pictures[k % len(pictures)]
            height, width = (size - 2 * WINDOW_PIXELS for size in picture.shape[:2])
            window = np.ascontiguousarray(picture[down : down + height, right : right + width])
            face = self._mesh(equalised(window) if self._grey else window)
            if face is None:
                return None
            seen.append(face.points)
        return np.mean(seen[NEW:], axis=0)

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
