"""Which clips are good enough to learn from: a face that is there, looks at the camera and is held still. Seed 001, 2.1.4.

A head's pose is MetricFace.pose; its frontal direction is where the nose points. Angles are degrees.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SHORTEST_S = 1.0  # of picture or sound that is worth keeping
FRAME_RATE = 25.0  # Hz, VoxCeleb2's: the one that shakiness is stated for

WIDTH, HEIGHT, MARGIN, BINS = 560, 360, 56, 60  # pixels of one panel of the picture, bars in it
INK, BAR, LIMIT = (40, 40, 40), (96, 140, 190), (220, 30, 30)


class Limits(NamedTuple):
    centerness_deg: float = 30.0
    shakiness_deg: float = 2.0


def longest_stretch(seen: np.ndarray) -> slice:
    """seen (frames,) bool -> the first of its longest runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(np.int8), [0]]))).reshape(-1, 2)
    return slice(*max(edges.tolist(), key=lambda edge: edge[1] - edge[0], default=(0, 0)))


def centerness(poses: np.ndarray) -> float:
    """poses (frames, 4, 4) -> mean angle between the frontal direction and the camera's axis: 0 looks straight at it.

    The seed prints a sum of signed angles, in which a face turned left for as long as right would be centred: the angle
    here has no sign.
    """
    return float(np.degrees(np.arccos(_frontal(poses)[:, 2])).mean())


def shakiness(poses: np.ndarray, frame_rate: float) -> float:
    """poses (frames, 4, 4) at frame_rate Hz -> mean angle by which the frontal direction turns from frame to frame, at 25 Hz.

    The seed prints a sum of signed differences, which is no more than the last angle less the first, however much the head
    shook between them: here every turn counts, whichever way it goes.
    """
    front = _frontal(poses)
    turns = np.degrees(np.arccos(np.clip((front[1:] * front[:-1]).sum(1), -1, 1)))
    return float(turns.mean() * frame_rate / FRAME_RATE)


def _frontal(poses: np.ndarray) -> np.ndarray:
    """(frames, 3) unit vectors, z to the camera."""
    front = poses[:, :3, 2]
    return front / np.linalg.norm(front, axis=1, keepdims=True)


def picture(centerness_deg: Sequence[float], shakiness_deg: Sequence[float], limits: Limits, path: Path) -> None:
    """Draws how both figures are distributed over the clips, each limit as a red line: seed 001, figure 3."""
    image = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    _panel(draw, 0, "centerness, degrees", np.asarray(centerness_deg), limits.centerness_deg)
    _panel(draw, WIDTH, "shakiness, degrees a frame at 25 Hz", np.asarray(shakiness_deg), limits.shakiness_deg)
    image.save(path)


def _panel(draw: ImageDraw.ImageDraw, left: int, title: str, values: np.ndarray, limit: float) -> None:
    """A histogram from 0 to twice the limit; what lies beyond is counted in its last bar."""
    font = ImageFont.load_default(size=14)
    most = 2 * limit
    counts, _ = np.histogram(np.minimum(values, most), BINS, (0, most))
    bottom, high, wide = HEIGHT - MARGIN, HEIGHT - 2 * MARGIN, WIDTH - 2 * MARGIN
    x = left + MARGIN
    for i, count in enumerate(counts):
        top = bottom - high * count / max(1, counts.max())
        if count:
            draw.rectangle((x + wide * i / BINS, top, x + wide * (i + 1) / BINS - 1, bottom), fill=BAR)
    draw.line((x, bottom, x + wide, bottom), fill=INK)
    for step in range(5):
        value = f"{most * step / 4:g}" + ("+" if step == 4 else "")
        draw.text((x + wide * step / 4, bottom + 6), value, INK, font, anchor="ma")
    draw.line((x + wide / 2, bottom, x + wide / 2, MARGIN - 8), fill=LIMIT, width=2)
    kept = int((values < limit).sum())
    draw.text((x + wide / 2 + 6, MARGIN - 8), f"{kept} of {len(values)} clips are below {limit:g}", LIMIT, font)
    draw.text((x - 6, bottom - high), str(counts.max()), INK, font, anchor="rm")
    draw.text((x + wide / 2, HEIGHT - 10), title, INK, font, anchor="ms")
    draw.text((x, 16), "clips", INK, font, anchor="mm")
