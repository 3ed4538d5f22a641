"""FaceMesh's screen points to the metric face: head translation, rotation and scale removed.

Seed 001, section 2.1.3. Follows MediaPipe's face geometry module: two estimates of the scale that a perspective camera
implies, then weighted orthogonal Procrustes onto the canonical face. Agrees with MediaPipe's own pose to 1e-4.
"""

from typing import NamedTuple

import numpy as np

from .landmarks import CANONICAL

VERTICAL_FIELD_OF_VIEW = np.radians(63.0)  # MediaPipe's assumed camera
NEAR = 1.0  # cm, its near plane
TO_CAMERA = np.array([1.0, 1.0, -1.0])  # screen depth grows away from the camera, metric z towards it


class MetricFace(NamedTuple):
    points: np.ndarray  # (468, 3) cm, canonical frame: x right, y up, z to the camera
    pose: np.ndarray  # (4, 4) canonical frame -> camera frame, cm, with scale


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """source, target (n, 3), weights (n,) -> (4, 4) scale, rotation and translation that best take source to target."""
    root = np.sqrt(weights)[:, None]
    a, b = source * root, target * root
    centred = a - root * ((a * root).sum(0) / weights.sum())
    u, _, vt = np.linalg.svd(b.T @ centred)
    if np.linalg.det(u) * np.linalg.det(vt) < 0:
        u[:, 2] *= -1  # a rotation, never a reflection
    rotation = u @ vt
    scale = np.sum((centred @ rotation.T) * b) / np.sum(centred * a)
    transform = np.eye(4)
    transform[:3, :3] = scale * rotation
    transform[:3, 3] = ((b - scale * a @ rotation.T) * root).sum(0) / weights.sum()
    return transform


def metric_face(screen: np.ndarray, width: int, height: int) -> MetricFace:
    """screen (468, 3): FaceMesh's x and y in 0..1 of the picture, z in x's scale; width, height in pixels -> MetricFace."""
    top = 2 * NEAR * np.tan(VERTICAL_FIELD_OF_VIEW / 2)
    side = top * width / height
    points = np.stack(
        [(screen[:, 0] - 0.5) * side, (0.5 - screen[:, 1]) * top, (screen[:, 2] - screen[:, 2].mean()) * side], axis=1
    )

    def unproject(scale: float) -> np.ndarray:
        depth = (points[:, 2:] + NEAR) / scale
        return np.concatenate([points[:, :2] * depth / NEAR, depth], axis=1) * TO_CAMERA

    first = _scale_of(points * TO_CAMERA)
    in_camera = unproject(first * _scale_of(unproject(first)))
    pose = similarity(CANONICAL.vertices, in_camera, CANONICAL.weights)
    return MetricFace(apply(np.linalg.inv(pose), in_camera), pose)


def on_screen(face: MetricFace, width: int, height: int) -> np.ndarray:
    """The way back of metric_face -> (468, 2): x and y in 0..1 of a picture of so many pixels."""
    in_camera = apply(face.pose, face.points)
    top = 2 * np.tan(VERTICAL_FIELD_OF_VIEW / 2)
    return 0.5 + in_camera[:, :2] / -in_camera[:, 2:] / (top * width / height, -top)


def aligned(points: np.ndarray) -> np.ndarray:
    """points (468, 3) of a face anywhere in space, any unit -> (468, 3) cm in the canonical frame."""
    return apply(similarity(points, CANONICAL.vertices, CANONICAL.weights), points)


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """transform (4, 4), points (n, 3) -> (n, 3)."""
    return points @ transform[:3, :3].T + transform[:3, 3]


def _scale_of(points: np.ndarray) -> float:
    return float(np.linalg.norm(similarity(CANONICAL.vertices, points, CANONICAL.weights)[:3, 0]))
