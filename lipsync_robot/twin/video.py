"""The twin's recorded motion as a film with its sound."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .camera import Camera
from .film import write
from .simulation import FaceSimulation

FRAME_RATE = 50  # frames a second: every pose of the speech model is seen
WIDTH, HEIGHT = 640, 480  # pixels


def film(
    path: Path,
    moments: np.ndarray,
    positions: np.ndarray,
    sound: np.ndarray,
    sound_rate: int,
    sound_at: float,
    progress: Callable[[float], None],
    face: str = "canonical",
) -> None:
    """Writes an MP4 that begins with the sound.

    moments (n,) s and positions (n, 11) in 0..1: where the servos were; sound (m,) int16 mono at sound_rate Hz, whose first
    sample was heard at the moment sound_at; progress: called with the share done; face: one of faces.FACES. A film that is not
    finished is removed.
    """
    duration = len(sound) / sound_rate

    def watched() -> Iterator[np.ndarray]:
        for at, picture in pictures(moments, positions, sound_at, duration, face):
            yield picture
            progress(at / duration)

    write(path, watched(), FRAME_RATE, (WIDTH, HEIGHT), sound, sound_rate)


def pictures(
    moments: np.ndarray, positions: np.ndarray, begin: float, duration: float, face: str, frame_rate: int = FRAME_RATE
) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds since `begin` and the picture (480, 640, 3) uint8 then, frame by frame."""
    simulation = FaceSimulation(face=face)
    camera = Camera(simulation, WIDTH, HEIGHT)
    try:
        for frame in range(round(duration * frame_rate)):
            at = frame / frame_rate
            simulation.place(np.array([np.interp(begin + at, moments, motor) for motor in positions.T]))
            yield at, camera.picture()
    finally:
        camera.close()
