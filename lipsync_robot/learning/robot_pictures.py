"""What a robot can do and how well it copies, to look at: its babble, errors by motor and by landmark, a film."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..audio.mel import SAMPLE_RATE
from ..face.landmarks import EYE_LEFT, EYE_RIGHT, INNER_LIP_RING, LOWER_OVAL, ROBOT
from ..motors.description import Robot
from ..twin import film as films
from .babble import Babble, Source
from .baselines import truth
from .clips import Clip
from .closed_loop import followed, go_to_rest, twin
from .drawing import (
    ABOVE,
    BELOW,
    BROWS,
    FACE,
    GRAPH,
    GRID,
    INK,
    LEFT,
    LIPS,
    MOST_FACES,
    PAPER,
    PREDICTED,
    RIGHT,
    TITLE,
    TRUE,
    face,
    font,
    one_each,
    sound,
)
from .evaluation import RATE
from .inverse_scores import Scores
from .robot_evaluation import Chain, at_rest

OTHER, CHANCE = "#608cbe", "#b8b8b8"
RINGS = [LIPS, INNER_LIP_RING, EYE_RIGHT, EYE_LEFT, *BROWS]
LINES = [[ROBOT.index(point) for point in line] for line in (*([*ring, ring[0]] for ring in RINGS), LOWER_OVAL)]
SCALE = 26  # pixels a cm
MIDDLE = (FACE[0] / 2, 190)  # pixels, of the canonical origin in a face
FRAME = (FACE[0], 500)  # pixels, of one face
PANEL, COLUMNS, BARS = (190, 90), 3, 25  # pixels of one motor's histogram, how many are beside each other, bars in each
DOT = 6  # pixels
TWIN = (640, 480)  # pixels


def coverage(path: Path, data: Babble) -> None:
    """Writes a PNG: how often each motor was where, and where each landmark went, with the face at rest over it."""
    rows = -(-len(data.plan.motors) // COLUMNS)
    step = PANEL[0] + 24, PANEL[1] + TITLE + BELOW
    image = Image.new("RGB", (LEFT + COLUMNS * step[0] + FRAME[0], ABOVE + max(rows * step[1], FRAME[1])), PAPER)
    brush = ImageDraw.Draw(image)
    words = f"{len(data.commands)} poses: how often each motor was where in its range, and where the landmarks went"
    brush.text((LEFT, ABOVE / 2), words, INK, font(15), anchor="lm")
    for i, name in enumerate(data.plan.motors):
        row, column = divmod(i, COLUMNS)
        _histogram(brush, LEFT + column * step[0], ABOVE + row * step[1], name, data.commands[:, i])
    image.paste(_cloud(data), (image.width - FRAME[0], ABOVE))
    image.save(path, "PNG")


def motor_errors(path: Path, scored: Mapping[Source, Scores], motors: list[str]) -> None:
    """Writes a PNG: the mean error of each motor's command beside the baselines'. Seed 001, figures 11 and 12.

    scored: by the name of what the model was trained and tested on, each in a graph of its own.
    """
    tall = 2 * GRAPH[1]
    row = ABOVE + TITLE + tall + BELOW
    image = Image.new("RGB", (LEFT + GRAPH[0] + RIGHT, row * len(scored)), PAPER)
    brush = ImageDraw.Draw(image)
    highest = max(float(each.max()) for scores in scored.values() for each in scores[:3])
    for k, (title, scores) in enumerate(scored.items()):
        top = k * row
        floor = top + ABOVE + TITLE + tall
        brush.text(
            (LEFT, top + ABOVE / 2), f"{title}: mean error of the command, share of the range", INK, font(15), anchor="lm"
        )
        _legend(brush, top + ABOVE, scores)
        for line in np.arange(0, highest, 0.1).tolist():
            y = floor - tall * line / highest
            brush.line((LEFT, y, LEFT + GRAPH[0], y), fill=GRID)
            brush.text((LEFT - 6, y), f"{line:.1f}", INK, font(13), anchor="rm")
        wide = GRAPH[0] / len(motors)
        for i, name in enumerate(motors):
            for j, (errors, colour) in enumerate(zip(scores[:3], (PREDICTED, OTHER, CHANCE), strict=True)):
                x = LEFT + wide * (i + 0.1 + 0.27 * j)
                brush.rectangle((x, floor - tall * errors[i] / highest, x + wide * 0.25, floor), fill=colour)
            brush.text((LEFT + wide * (i + 0.5), floor + 4), name, INK, font(13), anchor="ma")
    image.save(path, "PNG")


def landmark_errors(path: Path, errors: dict[str, np.ndarray], static: np.ndarray) -> None:
    """Writes a PNG: the mean error of each landmark, on the robot's face at rest. Seed 001, figure 13.

    errors: by name (113,) cm, a face each, all in the same colours, whose darkest half of them reach; static (113, 2) cm.
    """
    image = Image.new("RGB", (FRAME[0] * len(errors), FRAME[1] + ABOVE + BELOW), PAPER)
    brush = ImageDraw.Draw(image)
    at, most = _placed(static), float(np.median([each.max() for each in errors.values()]))
    for k, (name, each) in enumerate(errors.items()):
        left = k * FRAME[0]
        brush.text((left + FRAME[0] / 2, ABOVE / 2), f"{name}: {each.mean():.3f} cm on average", INK, font(16), anchor="mm")
        shifted = at + np.array([left, ABOVE])
        _outline(brush, shifted, GRID, 1)
        for (x, y), error in zip(shifted.tolist(), each.tolist(), strict=True):
            brush.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), fill=_heat(error / most), outline=TRUE)
    _scale(brush, image.height - BELOW, most)
    image.save(path, "PNG")


def film(path: Path, corpus: Path, robot: Robot, data: list[Clip], chain: Chain) -> None:
    """Writes an MP4 at 25 Hz with sound: the human's landmarks and the twin that copies them, of up to four people."""
    shown, rests = one_each([clip.person for clip in data], MOST_FACES), at_rest(data)
    said = np.concatenate([sound(corpus, data[i]) for i in shown])

    def pictures() -> Iterator[np.ndarray]:
        with twin(robot, *TWIN, samples=4) as body:
            for clip in (data[i] for i in shown):
                human = clip.neutral + truth(clip)
                go_to_rest(body)
                moves = followed(body, human, chain.retargets(rests[clip.person]), chain.inverse)
                for points, _ in zip(human, moves, strict=True):
                    yield _beside(clip.name, face(points), body.picture())

    films.write(path, pictures(), RATE, (FACE[0] + TWIN[0], FACE[1]), said, SAMPLE_RATE)


def _beside(name: str, human: np.ndarray, robot: np.ndarray) -> np.ndarray:
    """human (540, 480, 3), robot (480, 640, 3) uint8 -> (540, 1120, 3)."""
    image = Image.new("RGB", (FACE[0] + TWIN[0], FACE[1]), PAPER)
    image.paste(Image.fromarray(human), (0, 0))
    image.paste(Image.fromarray(robot), (FACE[0], FACE[1] - TWIN[1]))
    brush = ImageDraw.Draw(image)
    for words, middle in ((f"{name}: human", FACE[0] / 2), ("robot", FACE[0] + TWIN[0] / 2)):
        brush.text((middle, 8), words, INK, font(20), anchor="ma")
    return np.asarray(image)


def _histogram(brush: ImageDraw.ImageDraw, left: float, top: float, name: str, commands: np.ndarray) -> None:
    """commands (n,) in 0..1. The tallest bar, which is the motor's rest, is cut off where it would flatten the others."""
    counts, _ = np.histogram(commands, BARS, (0, 1))
    _, alike = np.unique(commands.round(3), return_counts=True)
    floor, highest = top + TITLE + PANEL[1], max(1.0, 2.0 * float(np.median(counts)))
    brush.text((left, top + TITLE / 2), f"{name}: {alike.max() / len(commands):.0%} at rest", INK, font(13), anchor="lm")
    for i, count in enumerate(counts.tolist()):
        x, wide = left + PANEL[0] * i / BARS, PANEL[0] / BARS
        tall = PANEL[1] * min(1.0, count / highest)
        brush.rectangle((x, floor - tall, x + wide - 1, floor), fill=PREDICTED if count > highest else OTHER)
    for end in (0, 1):
        brush.text((left + PANEL[0] * end, floor + 4), str(end), INK, font(13), anchor="ma")


def _cloud(data: Babble) -> Image.Image:
    """Where landmarks went, the darker the more often, under the outline of the face at rest."""
    width, height = FRAME
    at = _placed(data.landmarks.reshape(-1, 2))
    often, _, _ = np.histogram2d(at[:, 1], at[:, 0], (height, width), ((0, height), (0, width)))
    shade = 1 - np.exp(-often / max(1.0, float(np.percentile(often[often > 0], 75))))
    paper, ink = np.array([255, 255, 255]), np.array([int(OTHER[i : i + 2], 16) for i in (1, 3, 5)])
    image = Image.fromarray((paper + shade[..., None] * (ink - paper)).astype(np.uint8))
    _outline(ImageDraw.Draw(image), _placed(data.static), PREDICTED, 2)
    return image


def _placed(landmarks: np.ndarray) -> np.ndarray:
    """landmarks (n, 2) cm -> (n, 2) pixels of a frame."""
    return landmarks * (SCALE, -SCALE) + MIDDLE


def _outline(brush: ImageDraw.ImageDraw, at: np.ndarray, colour: str, width: int) -> None:
    for line in LINES:
        brush.line([tuple(point) for point in at[line].tolist()], fill=colour, width=width, joint="curve")


def _heat(share: float) -> tuple[int, ...]:
    """0 white, through orange, to 1 dark red."""
    stops = np.array([[255, 255, 255], [255, 205, 120], [214, 84, 31], [90, 0, 10]])
    return tuple(int(np.interp(share, np.linspace(0, 1, len(stops)), channel)) for channel in stops.T)


def _scale(brush: ImageDraw.ImageDraw, top: float, most: float) -> None:
    """What the colours mean."""
    for x in range(GRAPH[1]):
        brush.line((LEFT + x, top - DOT, LEFT + x, top + DOT), fill=_heat(x / GRAPH[1]))
    for x, words, anchor in ((LEFT - 6, "0", "rm"), (LEFT + GRAPH[1] + 6, f"{most:.2f} cm and more", "lm")):
        brush.text((x, top), words, INK, font(13), anchor=anchor)


def _legend(brush: ImageDraw.ImageDraw, y: float, scores: Scores) -> None:
    x = float(LEFT)
    for name, errors, colour in zip(
        ("inverse model", "nearest neighbour", "random"), scores[:3], (PREDICTED, OTHER, CHANCE), strict=True
    ):
        words = f"{name} {errors.mean():.3f}"
        brush.text((x, y), words, colour, font(14), anchor="lm")
        x += font(14).getlength(words) + 30
