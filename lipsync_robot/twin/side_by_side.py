"""A person's pictures and the twin's recorded motion in one film, each at its moment: the twin's delay is to be seen."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from .film import write
from .video import HEIGHT, WIDTH, pictures

FRAME_RATE = 25  # frames a second


def film(
    path: Path,
    moments: np.ndarray,
    persons: Iterable[np.ndarray],
    joint_moments: np.ndarray,
    positions: np.ndarray,
    sound: np.ndarray,
    sound_rate: int,
    progress: Callable[[float], None],
    face: str,
) -> int:
    """Writes an MP4 that begins with the person's first picture -> the width of the person's side of it, pixels.

    moments (n,) s and n persons (h, w, 3) uint8: the person's pictures; joint_moments (m,) s and positions (m, 11) in 0..1:
    where the servos were; sound (k,) int16 mono at sound_rate Hz, from the first picture on; progress: called with the share
    done; face: one of faces.FACES. A film that is not finished is removed.
    """
    begin, duration = moments[0], moments[-1] - moments[0]
    rest = iter(persons)
    first = next(rest)
    wide = round(first.shape[1] * HEIGHT / first.shape[0] / 2) * 2  # H.264 wants it even
    twins = pictures(joint_moments, positions, begin, duration, face, FRAME_RATE)

    def frames() -> Iterator[np.ndarray]:
        for (at, twin), person in zip(twins, _newest(moments - begin, chain([first], rest)), strict=False):
            yield np.concatenate([np.asarray(Image.fromarray(person).resize((wide, HEIGHT))), twin], axis=1)
            progress(at / duration)

    write(path, frames(), FRAME_RATE, (wide + WIDTH, HEIGHT), sound, sound_rate)
    return wide


def _newest(moments: np.ndarray, persons: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """What there is to be seen of the person at each frame."""
    frame = 0
    shown = next(persons)
    for moment, coming in zip(moments[1:], persons, strict=True):
        while frame < moment * FRAME_RATE:
            yield shown
            frame += 1
        shown = coming
    yield shown
