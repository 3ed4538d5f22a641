"""Truth and prediction side by side, to look at: mouth openings as a picture, faces as a film."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..audio import files
from ..audio.mel import SAMPLE_RATE
from ..face import scores
from ..face.landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    EYE_LEFT,
    EYE_RIGHT,
    INNER_LIP_RING,
    LOWER_LIP_OUTER,
    LOWER_OVAL,
    UPPER_LIP_OUTER,
    aperture,
)
from ..twin import film as films
from ..twin.paint import BROW, LASH, LIP, MOUTH, SHADE, SILICONE, Colour
from .baselines import VIDEO_STEP, truth
from .clips import Clip
from .corpus import layout
from .evaluation import RATE

OVAL = [*LOWER_OVAL, 356, 389, 251, 284, 332, 297, 338, 10, 109, 67, 103, 54, 21, 162, 127]
NOSE = [[168, 6, 197, 195, 5], [98, 97, 2, 326, 327]]  # ridge, base
BROWS = [[*brow[:5], *brow[:4:-1]] for brow in (BROW_RIGHT, BROW_LEFT)]
LIPS = [*UPPER_LIP_OUTER, *LOWER_LIP_OUTER[-2:0:-1]]

PAPER, GRID, SPEECH, INK, TRUE, PREDICTED = "#ffffff", "#d8d8d8", "#f0f4fa", "#202020", "#303030", "#d6541f"
MOST_GRAPHS, MOST_FACES = 6, 4

Shown = tuple[Clip, np.ndarray]  # and its predicted displacement (frames, 468, 3) cm at 25 Hz
SHOWN = 6 * RATE  # frames of a graph
GRAPH = (1200, 140)  # pixels, of one clip's graph
LEFT, RIGHT, ABOVE, TITLE, BELOW = 50, 30, 36, 24, 30  # pixels around it
ROW = TITLE + GRAPH[1] + BELOW
FACE = (480, 540)  # pixels, of one face of the film
SCALE = 25  # pixels a cm
FINER = 2  # drawn so much larger, then scaled down for smooth edges


def one_each(persons: list[str], most: int = MOST_GRAPHS) -> list[int]:
    """persons: who speaks in each clip -> the numbers of up to `most` clips of different people."""
    first: dict[str, int] = {}
    for i, person in enumerate(persons):
        first.setdefault(person, i)
    return list(first.values())[:most]


def openings(path: Path, shown: list[Shown]) -> None:
    """Writes a PNG: predicted and true mouth opening over the first seconds of each clip, with r of the whole clip."""
    image = Image.new("RGB", (LEFT + GRAPH[0] + RIGHT, ROW * len(shown) + ABOVE), PAPER)
    brush = ImageDraw.Draw(image)
    for words, colour, x in (("true", TRUE, 500), ("predicted", PREDICTED, 550), ("speech is tinted", INK, 650)):
        brush.text((x, ABOVE / 2), words, colour, font(15), anchor="lm")
    brush.text((LEFT, ABOVE / 2), "mouth opening in cm, r of the whole clip", INK, font(15), anchor="lm")
    for row, (clip, prediction) in enumerate(shown):
        _graph(brush, ABOVE + row * ROW, clip, prediction)
    image.save(path, "PNG")


def curve(path: Path, look_ahead_ms: list[float], aperture_r: list[float]) -> None:
    """Writes a PNG: correlation of the mouth opening over look-ahead."""
    image = Image.new("RGB", (LEFT + GRAPH[0] // 2 + RIGHT, ABOVE + 2 * GRAPH[1] + 2 * BELOW), PAPER)
    brush = ImageDraw.Draw(image)
    low, high = np.floor(10 * min(aperture_r)) / 10, np.ceil(10 * max(aperture_r)) / 10
    floor, wide = ABOVE + 2 * GRAPH[1], GRAPH[0] / 2

    def at(ms: float, r: float) -> tuple[float, float]:
        return LEFT + wide * ms / max(look_ahead_ms), floor - 2 * GRAPH[1] * (r - low) / max(1e-9, high - low)

    brush.text((LEFT, ABOVE / 2), "r of the mouth opening over look-ahead in ms", INK, font(15), anchor="lm")
    for r in np.arange(low, high + 1e-6, 0.05).tolist():
        brush.line((*at(0, r), *at(max(look_ahead_ms), r)), fill=GRID)
        brush.text((LEFT - 6, at(0, r)[1]), f"{r:.2f}", INK, font(13), anchor="rm")
    points = [at(*pair) for pair in zip(look_ahead_ms, aperture_r, strict=True)]
    brush.line(points, fill=PREDICTED, width=2)
    for ms, (x, y) in zip(look_ahead_ms, points, strict=True):
        brush.ellipse((x - 4, y - 4, x + 4, y + 4), fill=PREDICTED)
        brush.text((x, floor + 4), f"{ms:.0f}", INK, font(13), anchor="ma")
    image.save(path, "PNG")


def _graph(brush: ImageDraw.ImageDraw, top: int, clip: Clip, prediction: np.ndarray) -> None:
    true, predicted = aperture(clip.neutral + truth(clip)), aperture(clip.neutral + prediction)
    highest = max(true[:SHOWN].max(), predicted[:SHOWN].max())
    floor = top + TITLE + GRAPH[1]

    def at(frame: float, cm: float) -> tuple[float, float]:
        return LEFT + GRAPH[0] * frame / SHOWN, floor - GRAPH[1] * cm / highest

    brush.text((LEFT, top), f"{clip.name}   r {scores.correlation(predicted, true):.2f}", INK, font(16), anchor="la")
    for frame in np.flatnonzero(clip.speech[::VIDEO_STEP][:SHOWN]).tolist():
        brush.rectangle((*at(frame, highest), *at(frame + 1, 0)), fill=SPEECH)
    for cm in np.arange(0, highest, 0.5).tolist():
        brush.line((*at(0, cm), *at(SHOWN, cm)), fill=GRID)
        brush.text((LEFT - 6, at(0, cm)[1]), f"{cm:.1f}", INK, font(13), anchor="rm")
    for frame in range(0, SHOWN + 1, RATE):
        brush.line((*at(frame, 0), *at(frame, highest)), fill=GRID)
        brush.text((at(frame, 0)[0], floor + 4), f"{frame // RATE} s", INK, font(13), anchor="ma")
    for series, colour in ((true, TRUE), (predicted, PREDICTED)):
        brush.line([at(frame, cm) for frame, cm in enumerate(series[:SHOWN])], fill=colour, width=2, joint="curve")


def film(path: Path, corpus: Path, shown: list[Shown]) -> None:
    """Writes an MP4 at 25 Hz with sound: true and predicted face beside each other, of the first four clips."""
    shown = shown[:MOST_FACES]
    said = np.concatenate([sound(corpus, clip) for clip, _ in shown])
    pairs = (pair for clip, prediction in shown for pair in _pairs(clip, prediction))
    films.write(path, pairs, RATE, (2 * FACE[0], FACE[1]), said, SAMPLE_RATE)


def sound(corpus: Path, clip: Clip) -> np.ndarray:
    """-> (n,) int16 at 16 kHz, as long as the clip's frames."""
    length = len(truth(clip)) * SAMPLE_RATE // RATE
    begin = round(clip.start_s * SAMPLE_RATE)
    samples = layout(corpus).heard(clip.name)[begin : begin + length]
    return (np.pad(samples, (0, length - len(samples))) * files.FULL_SCALE).astype(np.int16)


def _pairs(clip: Clip, predicted: np.ndarray) -> Iterator[np.ndarray]:
    """Frame by frame (540, 960, 3) uint8."""
    for pair in zip(truth(clip), predicted, strict=True):
        faces = [face(clip.neutral + displacement) for displacement in pair]
        image = Image.fromarray(np.concatenate(faces, axis=1))
        brush = ImageDraw.Draw(image)
        for words, middle in ((f"{clip.name}: true", FACE[0] / 2), ("predicted", 1.5 * FACE[0])):
            brush.text((middle, 8), words, INK, font(20), anchor="ma")
        yield np.asarray(image)


def face(points: np.ndarray) -> np.ndarray:
    """points (468, 3) cm, metric face -> (540, 480, 3) uint8."""
    width, height = FACE[0] * FINER, FACE[1] * FINER
    at = points[:, :2] * (SCALE * FINER, -SCALE * FINER) + (width / 2, height / 2)
    image = Image.new("RGB", (width, height), PAPER)
    brush = ImageDraw.Draw(image)

    def area(ring: list[int], fill: Colour, edge: Colour) -> None:
        brush.polygon([tuple(point) for point in at[ring].tolist()], fill=fill)
        brush.line([tuple(point) for point in at[[*ring, ring[0]]].tolist()], fill=edge, width=2 * FINER, joint="curve")

    area(OVAL, SILICONE, SHADE)
    for line in NOSE:
        brush.line([tuple(point) for point in at[line].tolist()], fill=SHADE, width=2 * FINER, joint="curve")
    for brow in BROWS:
        area(brow, BROW, BROW)
    for eye in (EYE_RIGHT, EYE_LEFT):
        area(eye, (255, 255, 255), LASH)
    area(LIPS, LIP, SHADE)
    area(INNER_LIP_RING, MOUTH, MOUTH)
    return np.asarray(image.resize(FACE, Image.Resampling.LANCZOS))


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
