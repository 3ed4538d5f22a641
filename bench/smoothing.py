"""What steadies FaceMesh's landmarks, and at what delay: jitter of the motors for a still face, lag of a moving one.

    python bench/smoothing.py FILM...

Still is the first picture of each film with a camera's noise on it; moving is the film. Jitter is the deviation of the motors'
commands, as a share of their range; lag is against the landmarks as FaceMesh gives them; error against them smoothed with hind-
sight (Savitzky-Golay, no delay), over the robot's 113 landmarks.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import savgol_filter

from lipsync_robot.face import landmarks, scores
from lipsync_robot.face.profile import UNKNOWN, HumanFace, closed_mouth
from lipsync_robot.face.retarget import Retarget, RobotFace
from lipsync_robot.motors import description
from lipsync_robot.motors.inverse import InverseModel
from lipsync_robot.resources import resource
from lipsync_robot.vision import video
from lipsync_robot.vision.facemesh import FaceMesh
from lipsync_robot.vision.smoothing import Smoothing

STILL, SETTLED = 110, 30  # pictures; after which they count
NOISE = 3.0  # of 255, an ordinary webcam's
Filter = Callable[[np.ndarray, float], np.ndarray]
MEASURES = (landmarks.aperture, landmarks.mouth_width, landmarks.brow_height, landmarks.eye_opening)


class OneEuro:
    """Casiez et al. 2012, with one speed for each point."""

    def __init__(self, least_hz: float, beta: float) -> None:
        self._least_hz, self._beta = least_hz, beta
        self._last: tuple[np.ndarray, float] | None = None

    def __call__(self, points: np.ndarray, moment: float) -> np.ndarray:
        if self._last is None:
            self._points, self._speed = points, np.zeros_like(points)
        else:
            step = moment - self._last[1]
            self._speed = self._speed + _share(1.0, step) * ((points - self._last[0]) / step - self._speed)
            cutoff = self._least_hz + self._beta * np.linalg.norm(self._speed, axis=-1, keepdims=True)
            self._points = self._points + _share(cutoff, step) * (points - self._points)
        self._last = points, moment
        return self._points


def _share(hz: float | np.ndarray, step: float) -> float | np.ndarray:
    return 1 / (1 + 1 / (2 * np.pi * hz * step))


FILTERS: dict[str, Callable[[], Filter]] = {
    "none": lambda: lambda points, _: points,
    "one euro, 1 Hz, 1": lambda: OneEuro(1.0, 1.0),
    "one euro, 1 Hz, 3": lambda: OneEuro(1.0, 3.0),
    "one euro, 0.5 Hz, 5": lambda: OneEuro(0.5, 5.0),
    "one euro, 0.3 Hz, 1": lambda: OneEuro(0.3, 1.0),
    "ours, 0.05 cm": lambda: Smoothing(0.05),
    "ours, 0.1 cm": lambda: Smoothing(0.1),
    "ours, 0.2 cm": lambda: Smoothing(0.2),
}


def main() -> None:
    films = [(*watched(list(video.frames(Path(path)))), still(Path(path))) for path in sys.argv[1:]]
    robot = description.load(resource("config/robots/twin.yaml"))
    inverse = InverseModel(resource("models/twin_inverse.onnx"), robot.names)
    reach = RobotFace.load(resource("models/twin_face.npz"))
    print(f"{'':22}jitter, mean and worst motor      lag, mouth  width  brows  eyes      error")
    for name, make in FILTERS.items():
        jitter, lags, errors = [], [], []
        for moments, faces, resting in films:
            retarget = Retarget(HumanFace(closed_mouth(faces), UNKNOWN), reach)
            steady = filtered(make(), resting, np.arange(len(resting)) / 25)
            jitter.append(np.std([inverse(retarget(face)) for face in steady[SETTLED:]], axis=0))
            smooth, rate = filtered(make(), faces, moments), 1 / float(np.median(np.diff(moments)))
            lags.append([1000 * scores.lag(of(smooth), of(faces), rate).seconds for of in MEASURES])
            errors.append(
                scores.position_error(smooth[:, landmarks.ROBOT], savgol_filter(faces, 5, 2, axis=0)[:, landmarks.ROBOT])
            )
        worst = np.mean(jitter, axis=0).max()
        delays = "  ".join(f"{lag:4.0f} ms" for lag in np.mean(lags, axis=0))
        print(f"{name:22}{np.mean(jitter):6.2%} {worst:6.2%}             {delays}    {np.mean(errors):.3f} cm")


def watched(frames: list[tuple[float, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """-> moments (n,) s, faces (n, 468, 3) cm of the frames that show one."""
    mesh = FaceMesh()
    seen = [(moment, face.points) for moment, picture in frames if (face := mesh(picture)) is not None]
    mesh.close()
    return np.array([moment for moment, _ in seen]), np.array([face for _, face in seen])


def still(path: Path) -> np.ndarray:
    """(n, 468, 3) cm: what is seen in a film's first picture, taken again and again by a camera that has noise."""
    sensor = np.random.default_rng(0)
    _, first = next(video.frames(path))
    noisy = (np.clip(first + NOISE * sensor.standard_normal(first.shape), 0, 255).astype(np.uint8) for _ in range(STILL))
    return watched(list(enumerate(noisy)))[1]


def filtered(steadied: Filter, faces: np.ndarray, moments: np.ndarray) -> np.ndarray:
    return np.array([steadied(face, float(moment)) for face, moment in zip(faces, moments, strict=True)])


if __name__ == "__main__":
    main()
