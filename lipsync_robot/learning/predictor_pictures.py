"""Expressions to look at: the curves that they are found by, how well they were foretold and how early."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..face.landmarks import CANONICAL, robot_landmarks
from ..vision.expression import GRID_HZ, distance, stretches, watched
from .drawing import ABOVE, GRAPH, GRID, INK, LEFT, PAPER, PREDICTED, RIGHT, ROW, SHOWN, TITLE, TRUE, font
from .expressions import Clip, acceleration, centred, found
from .predictor import PredictorConfig
from .predictor_evaluation import Result
from .robot_pictures import OTHER, landmark_errors

MOST_GRAPHS = 8
BAR_MS = 40  # a frame of the grid
SHOWN_FACES = {"predictor": "predictor", "current_face": "current face", "linear_by_best_horizon": "extrapolated"}


def curves(path: Path, clips: list[Clip], config: PredictorConfig) -> None:
    """Writes a PNG: distance and acceleration over the first seconds of some clips, expressions marked. Seed 001, figure 10."""
    shown = [clip for clip in clips if len(clip.stamps) > 1][:MOST_GRAPHS]
    image = Image.new("RGB", (LEFT + GRAPH[0] + RIGHT, ROW * len(shown) + ABOVE), PAPER)
    brush = ImageDraw.Draw(image)
    words = "distance from the last start in cm; acceleration, scaled; marks: start, onset, peak"
    brush.text((LEFT, ABOVE / 2), words, INK, font(15), anchor="lm")
    for row, clip in enumerate(shown):
        _curve(brush, ABOVE + row * ROW, clip, config)
    image.save(path, "PNG")


def _curve(brush: ImageDraw.ImageDraw, top: int, clip: Clip, config: PredictorConfig) -> None:
    faces, _ = next(stretches(clip.faces, clip.stamps))
    moments, _ = found(faces, config.signs, config.limits)
    landmarks = centred(watched(faces))[:SHOWN]
    starts = np.searchsorted([0, *(at.start for at in moments)], np.arange(len(landmarks)), side="right") - 1
    origin = landmarks[np.array([0, *(min(at.start, len(landmarks) - 1) for at in moments)])[starts]]
    way = np.array([distance(one, start) for one, start in zip(landmarks, origin, strict=True)])
    floor, highest = top + TITLE + GRAPH[1], max(0.1, float(way.max()))

    def at(frame: float, share: float) -> tuple[float, float]:
        return LEFT + GRAPH[0] * frame / SHOWN, floor - GRAPH[1] * share

    brush.text((LEFT, top), clip.name, INK, font(16), anchor="la")
    for frame in range(0, SHOWN + 1, GRID_HZ):
        brush.line((*at(frame, 1), *at(frame, 0)), fill=GRID)
        brush.text((at(frame, 0)[0], floor + 4), f"{frame // GRID_HZ} s", INK, font(13), anchor="ma")
    for cm in np.arange(0, highest, 0.25).tolist():
        brush.text((LEFT - 6, at(0, cm / highest)[1]), f"{cm:.2f}", INK, font(13), anchor="rm")
    pull = acceleration(way)
    jumps = np.flatnonzero(np.diff(starts)) + 1  # of the distance, to another start
    pull[np.clip(jumps[:, None] + (-1, 0), 0, len(pull) - 1)] = 0
    pull = np.clip(pull / max(1.0, float(np.percentile(np.abs(pull), 99))), -1, 1)
    brush.line([at(i, 0.5 + value / 2) for i, value in enumerate(pull.tolist())], fill=OTHER)
    brush.line([at(i, value / highest) for i, value in enumerate(way.tolist())], fill=TRUE, width=2, joint="curve")
    for each in moments:
        for frame, colour in zip(each, (INK, OTHER, PREDICTED), strict=True):
            if frame < SHOWN:
                brush.line((*at(frame, 1), *at(frame, 0)), fill=colour)


def evaluation(path: Path, result: Result) -> None:
    """Writes a PNG: the mean error of each landmark by some methods, as seed 001's figure 13, and how early they were told."""
    errors = {words: result.errors[name].mean(0) for name, words in SHOWN_FACES.items()}
    landmark_errors(path, errors, robot_landmarks(CANONICAL.vertices))
    with Image.open(path) as faces:
        image = Image.new("RGB", (faces.width, faces.height + ROW + ABOVE), PAPER)
        image.paste(faces)
        top = faces.height + ABOVE
    leads = 1000 * np.array([each.lead_s for each in result.watched.foretold])
    counts = np.bincount((leads / BAR_MS).astype(int))
    brush, floor, wide = ImageDraw.Draw(image), top + GRAPH[1], GRAPH[0] / max(25, len(counts))
    words = f"{len(leads)} expressions, told so many ms before their peak: median {np.median(leads):.0f}"
    brush.text((LEFT, top - ABOVE / 2), words, INK, font(15), anchor="lm")
    for i, count in enumerate(counts.tolist()):
        x = LEFT + i * wide
        brush.rectangle((x, floor - GRAPH[1] * count / counts.max(), x + wide - 2, floor), fill=PREDICTED)
        if i % 5 == 0:
            brush.text((x, floor + 4), str(i * BAR_MS), INK, font(13), anchor="ma")
    brush.text((LEFT - 6, floor - GRAPH[1]), str(counts.max()), INK, font(13), anchor="rm")
    image.save(path, "PNG")
