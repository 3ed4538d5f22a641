"""A robot learns what its motors do to its face: random poses, each held until the face is still, and the landmarks seen then.

Seed 001, summer report, sections 4.1 and 4.2: the upper and the lower part of the face move in turn, so that every pose of one
can later be combined with every pose of the other. A share of poses moves the whole face, to measure on and to learn what the
parts do to each other.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..errors import BadInputError
from ..face.landmarks import ROBOT_POINTS, robot_landmarks
from ..motors.body import Body
from ..motors.description import Robot
from .progress import track
from .written import written

Part = Literal["rest", "upper", "lower", "whole"]
Source = Literal["camera", "grey", "exact"]  # what landmarks are seen in: pictures, equalised grey ones, a twin's own vertices
TURNS: tuple[Part, ...] = ("lower", "whole", "lower", "upper")  # the mouth has most motors, which are hardest to tell apart
AT_NEUTRAL = 0.2  # share of the moving motors that stay at neutral: mouths at rest and half expressions are not rare in use
CHUNK = 25  # poses that are saved at a time: what an interruption costs at most
SETTINGS, CHUNKS = "settings.json", "[0-9]*.npz"

NO_FACE = (
    "{robot} was never seen at rest: it did not stand still, or FaceMesh found no face. Point the camera at it from the front, "
    "light it evenly, keep both still, or try --source grey."
)

LEAST_SEEN = 0.2  # of the poses of a chunk: else something has happened to the camera, the light or the robot
LOST = (
    "{lost} of the last {tried} poses of {robot} showed no face, or never stood still. Look after camera, light and servos, "
    "then repeat the command: it goes on where it was."
)

Look = Callable[[list[np.ndarray]], np.ndarray | None]  # views -> (468, 3) cm, metric face, None where no face is found


@dataclass(frozen=True)
class Plan:
    """What a folder of babble is made with: going on with anything else would mix two robots, or repeat poses."""

    robot: str
    motors: list[str]
    groups: list[str]
    ranges: list[list[float]]  # bus units at position 0 and 1 and at neutral, which commands are shares of
    source: Source
    seed: int
    face: str  # that a twin wears; a robot's own is `canonical` too

    @classmethod
    def of(cls, robot: Robot, source: Source, seed: int, face: str = "canonical") -> "Plan":
        groups: list[str] = [motor.group for motor in robot.motors]
        ranges = np.stack([*robot.ends, robot.targets(robot.neutral)], 1).tolist()
        return cls(robot.name, robot.names, groups, ranges, source, seed, face)

    @classmethod
    def load(cls, path: Path) -> "Plan":
        """What save wrote. Raises BadInputError."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, TypeError, ValueError) as error:
            raise BadInputError(f"{path}: is not what babble wrote ({error}). Babble into another folder.") from error

    def save(self, path: Path) -> None:
        with written(path) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2))


class Pose(NamedTuple):
    """A face that stands still."""

    part: Part  # what was moved
    command: np.ndarray  # (motors,) in 0..1, as it was sent
    views: list[np.ndarray]  # pictures (h, w, 3) uint8


class Chunk(NamedTuple):
    """Some poses and how they looked; those that never stood still or showed no face are left out."""

    parts: np.ndarray  # (n,) of Part
    commands: np.ndarray  # (n, motors) in 0..1
    landmarks: np.ndarray  # (n, 113, 2) cm, metric face
    tried: int  # poses, those included that are left out, but not the face at rest

    def save(self, path: Path) -> None:
        with written(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **self._asdict())


class Babble(NamedTuple):
    plan: Plan
    parts: np.ndarray  # (n,) of Part, none of them at rest
    commands: np.ndarray  # (n, motors) in 0..1
    landmarks: np.ndarray  # (n, 113, 2) cm, metric face
    static: np.ndarray  # (113, 2) cm, at rest
    neutral: np.ndarray  # (motors,) in 0..1, the command that it is at rest by
    tried: int

    @classmethod
    def load(cls, folder: Path) -> "Babble":
        """What `babble` left in a folder. Raises BadInputError."""
        files = sorted(folder.glob(CHUNKS))
        if not files or not (folder / SETTINGS).is_file():
            raise BadInputError(f"{folder}: holds no babble. Make some: lipsync-robot babble --output {folder}")
        plan = Plan.load(folder / SETTINGS)
        chunks = [_load(path) for path in files]
        parts, commands, landmarks = (np.concatenate(arrays) for arrays in list(zip(*chunks, strict=True))[:3])
        resting = parts == "rest"
        if not resting.any():
            raise BadInputError(NO_FACE.format(robot=plan.robot))
        static, neutral = landmarks[resting].mean(0), commands[resting].mean(0)
        moving = (parts[~resting], commands[~resting], landmarks[~resting])
        return cls(plan, *moving, static, neutral, sum(one.tried for one in chunks))

    def of(self, *parts: Part) -> np.ndarray:
        """-> indices of the poses that moved one of these parts."""
        return np.flatnonzero(np.isin(self.parts, parts))


Chunks = Callable[[list[range]], Iterable[tuple[range, Chunk]]]  # which poses are wanted -> them, in any order


def babble(plan: Plan, output: Path, samples: int, chunks: Chunks) -> Babble:
    """Fills a folder with `samples` poses, in whole chunks; what is there already is kept.

    Raises BadInputError where the folder is another plan's, and where its robot is not seen at rest.
    """
    settings = output / SETTINGS
    if any(output.glob(CHUNKS)):
        if Plan.load(settings) != plan:
            raise BadInputError(f"{output}: was begun with other settings, which {settings} holds. Name another --output.")
    else:
        output.mkdir(parents=True, exist_ok=True)
        plan.save(settings)
    wanted = [range(k, k + CHUNK) for k in range(0, samples, CHUNK)]
    missing = [poses for poses in wanted if not _file(output, poses).exists()]
    for poses, chunk in track(chunks(missing), f"babbling, {CHUNK} poses at a time", len(missing)):
        if poses.start == 0 and "rest" not in chunk.parts:  # sooner than after an hour
            raise BadInputError(NO_FACE.format(robot=plan.robot))
        if len(chunk.commands) < LEAST_SEEN * chunk.tried:
            raise BadInputError(LOST.format(lost=chunk.tried - len(chunk.commands), tried=chunk.tried, robot=plan.robot))
        try:
            chunk.save(_file(output, poses))
        except OSError as error:
            raise BadInputError(f"{output}: cannot be written ({error.strerror}). What came before is kept.") from error
    return Babble.load(output)


def asked(robot: Robot, seed: int, poses: range) -> Iterator[tuple[Part, np.ndarray]]:
    """The face at rest, then these poses of a seed: uniform in the motors of their part, the others at neutral."""
    yield "rest", robot.neutral
    groups = np.array([motor.group for motor in robot.motors])
    for k in poses:
        random = np.random.default_rng([seed, k])
        part = TURNS[k % len(TURNS)]
        moves = (groups == part) | (part == "whole")
        moves &= random.random(len(groups)) >= AT_NEUTRAL
        yield part, np.where(moves, random.random(len(groups)), robot.neutral)


def moved(body: Body, poses: Iterable[tuple[Part, np.ndarray]]) -> Iterator[Pose | None]:
    """Moves a robot through its guard to each pose and waits until the face is still; None where it never is."""
    for part, command in poses:
        sent = body.go(command)
        yield Pose(part, sent, body.views(command)) if body.comes_to_rest(command) else None


def seen(poses: Iterable[Pose | None], look: Look, motors: int) -> Chunk:
    """What the faces of some poses look like. They are looked at while the robot moves on: its bus must not wait."""
    looked, tried = [], 0
    with ThreadPoolExecutor(1) as pool:
        for pose in poses:
            if pose is not None:
                looked.append((pose, pool.submit(look, pose.views)))
            tried += pose is None or pose.part != "rest"
        kept = [(pose, robot_landmarks(face)) for pose, future in looked if (face := future.result()) is not None]
    return Chunk(
        np.array([pose.part for pose, _ in kept], dtype="<U5"),
        np.array([pose.command for pose, _ in kept]).reshape(len(kept), motors),
        np.array([face for _, face in kept], dtype=np.float32).reshape(len(kept), ROBOT_POINTS, 2),
        tried,
    )


def _file(output: Path, poses: range) -> Path:
    return output / f"{poses.start // CHUNK:05d}.npz"


def _load(path: Path) -> Chunk:
    try:
        with np.load(path) as data:
            return Chunk(data["parts"], data["commands"], data["landmarks"], int(data["tried"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadInputError(f"{path}: cannot be read as babble ({error}). Delete it and run the same babble again.") from error
