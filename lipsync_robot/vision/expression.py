"""A human's expression as it begins: the curves that show it, the moment it is certain, and the face that it leads to.

Seed 001, summer report, section 6: how far the landmarks are from a stable start, smoothed by a moving average; the peak of
that distance's acceleration is the moment an expression shows itself, the peak of the distance the face it was going to.
Preparing data, training and running use these same functions.
"""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..face.landmarks import POINTS, REGIONS, ROBOT
from ..inference import PROVIDERS, ModelError, Network

GRID_HZ = 25  # at which all is computed, whatever the camera gives
LARGEST_GAP_S = 0.2  # without a face; after a longer one it is another face, or the same one at something else
AVERAGED = 3  # frames of the moving average: FaceMesh's jitter has no acceleration left that an expression would not exceed
AVERAGE_LAG = (AVERAGED - 1) // 2  # frames by which the average is late
INPUT_FRAMES = 6  # that a prediction is made from

_EYES = REGIONS["eyes"]
WATCHED = [point for i, point in enumerate(ROBOT) if not _EYES.start <= i < _EYES.stop]  # a blink is no expression
LIDS = ROBOT[_EYES]


@dataclass(frozen=True)
class Signs:
    """By what a still face and the beginning of an expression are known."""

    still_s: float = 0.16  # that a face is still for, to be a start
    still_cm_s: float = 0.8  # mean speed of the landmarks that is stillness yet
    fresh_s: float = 1.0  # after it was last still, that a start is good for
    least_cm: float = 0.05  # from the start, at the onset
    least_cm_s: float = 1.0
    least_cm_s2: float = 5.0

    @property
    def still_frames(self) -> int:
        """Of the grid."""
        return max(1, round(self.still_s * GRID_HZ))


class Frame(NamedTuple):
    stamp: float  # s
    face: np.ndarray  # (468, 3) cm, metric face


class Onset(NamedTuple):
    """An expression that has just begun."""

    start: np.ndarray  # (468, 3) cm: the face when it was last still
    faces: np.ndarray  # (INPUT_FRAMES, 468, 3) cm, the last of them now
    stamp: float  # s, of that last one


class Anticipated(NamedTuple):
    """What was foretold of an expression."""

    stamp: float  # s, of the frame at which it was
    onset: Onset
    face: np.ndarray  # (468, 3) cm, expected at its peak


def watched(faces: np.ndarray) -> np.ndarray:
    """faces (..., 468, 3) cm -> (..., 81, 2) cm: the robot's landmarks but the eyes."""
    return faces[..., WATCHED, :2]


def averaged(frames: np.ndarray) -> np.ndarray:
    """frames (n, ...) -> the same, each the mean of the last AVERAGED, so AVERAGE_LAG late; before them was the first."""
    before = np.repeat(frames[:1], AVERAGED - 1, axis=0)
    sums = np.cumsum(np.concatenate([before, frames]), axis=0, dtype=float)
    sums[AVERAGED:] -= sums[:-AVERAGED].copy()
    return sums[AVERAGED - 1 :] / AVERAGED


def distance(landmarks: np.ndarray, start: np.ndarray) -> np.ndarray:
    """landmarks (..., 81, 2), start (81, 2) cm -> (...) cm, mean over the landmarks."""
    return np.linalg.norm(landmarks - start, axis=-1).mean(-1)


def rate(series: np.ndarray) -> np.ndarray:
    """series (n, ...) on the grid -> (n, ...) its change a second; none at the first."""
    return np.diff(series, axis=0, prepend=series[:1]) * GRID_HZ


def speeds(landmarks: np.ndarray) -> np.ndarray:
    """landmarks (n, 81, 2) cm on the grid -> (n,) cm/s, mean over the landmarks, whatever way they go."""
    return np.linalg.norm(rate(landmarks), axis=-1).mean(-1)


class Grid:
    """Stamped frames of any rate to frames at GRID_HZ, by straight lines between neighbours."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._next = 0.0  # s

    def __call__(self, face: np.ndarray, stamp: float) -> Iterator[Frame]:
        """face (468, 3) cm at stamp (s), later than the last -> those of the grid since then."""
        if self._last is None:
            self._last, self._next = Frame(stamp, face), stamp
        before, span = self._last, stamp - self._last.stamp
        self._last = Frame(stamp, face)
        while self._next <= stamp + 1e-6:
            share = 1.0 if span == 0 else min(1.0, (self._next - before.stamp) / span)
            yield Frame(self._next, (1 - share) * before.face + share * face)
            self._next += 1 / GRID_HZ


def stretches(faces: np.ndarray, stamps: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """faces (n, 468, 3) cm at stamps (n,) s, as far as there was a face -> on the grid, each stretch without a large gap."""
    for part in np.split(np.arange(len(stamps)), np.flatnonzero(np.diff(stamps) > LARGEST_GAP_S) + 1):
        if len(part):
            grid = Grid()
            frames = [frame for i in part for frame in grid(faces[i].astype(float), float(stamps[i]))]
            yield np.array([frame.face for frame in frames]), np.array([frame.stamp for frame in frames])


class Onsets:
    """Tells, frame by frame of the grid, when an expression has begun: once each, when its acceleration has passed its peak.

    After that a face must have been still again, at rest or in its expression, for the next to begin.
    """

    def __init__(self, signs: Signs | None = None) -> None:
        self.signs = signs or Signs()
        self.reset()

    def reset(self) -> None:
        """Of a face that was lost nothing is known."""
        self._frames: deque[Frame] = deque(maxlen=max(INPUT_FRAMES, self.signs.still_frames) + AVERAGED + 2)
        self.start: np.ndarray | None = None  # (468, 3) cm, where one is known and no expression has begun from it
        self._still_at = self._peak = 0.0

    def __call__(self, frame: Frame) -> Onset | None:
        """The next frame of the grid."""
        self._frames.append(frame)
        landmarks = averaged(watched(np.array([each.face for each in self._frames])))
        if self.is_still(landmarks):
            self.start = np.mean([each.face for each in list(self._frames)[-self.signs.still_frames :]], axis=0)
            self._still_at, self._peak = frame.stamp, 0.0
            return None
        if self.start is None or frame.stamp - self._still_at > self.signs.fresh_s:
            self.start = None
            return None
        way = distance(landmarks, watched(self.start))
        speed = rate(way)
        acceleration = rate(speed)[-1]
        past = acceleration < self._peak
        self._peak = max(self._peak, acceleration)
        s = self.signs
        if not (past and self._peak >= s.least_cm_s2 and speed[-1] >= s.least_cm_s and way[-1] >= s.least_cm):
            return None
        onset = Onset(self.start, np.array([each.face for each in list(self._frames)[-INPUT_FRAMES:]]), frame.stamp)
        self.start = None
        return onset

    def is_still(self, landmarks: np.ndarray) -> bool:
        """landmarks (n, 81, 2) cm, averaged, the last n frames of the grid."""
        frames = self.signs.still_frames
        return len(landmarks) > max(frames + 1, INPUT_FRAMES) and bool(
            (speeds(landmarks)[-frames:] < self.signs.still_cm_s).all()
        )


@dataclass(frozen=True)
class Manners:
    """How a predicted face is shown."""

    ease_s: float = 0.1  # to it
    return_s: float = 0.3  # back to what is observed
    fastest_cm_s: float = 25.0  # of any point, beside what the observed face itself does; eases last longer for it
    longest_s: float = 0.8  # that a prediction is waited for
    reached: float = 0.95  # of the way there
    declined: float = 0.1  # of its distance that an expression has lost when its peak has passed


class Predictor:
    """The face to show: what is observed or, from an onset until the observed face has caught up, what is expected."""

    def __init__(self, path: Path, manners: Manners | None = None, providers: tuple[str, ...] = PROVIDERS) -> None:
        """path: an ONNX model of `lipsync-robot train predictor`. Raises inference.ModelError."""
        self._network = Network(path, providers)
        try:
            signs = Signs(**json.loads(self._network.metadata["signs"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: does not say when an expression begins. Train it anew: docs/training.md.") from error
        self.manners = manners or Manners()
        self._onsets = Onsets(signs)
        self.fired = 0  # times that an expression was known to have begun
        self.latest: Anticipated | None = None
        self.reset()

    @property
    def provider(self) -> str:
        return self._network.provider

    @property
    def is_anticipating(self) -> bool:
        """Whether what is shown is expected, not observed."""
        return self._wait is not None

    def reset(self) -> None:
        """The face was lost: what comes next is another."""
        self._grid = Grid()
        self._onsets.reset()
        self._stamp: float | None = None
        self._wait: _Wait | None = None
        self._ease = _Ease(NOWHERE, 0.0, 0.0)

    def expected(self, onset: Onset) -> np.ndarray:
        """-> (468, 3) cm, the face at the peak of what has begun, with the lids of now."""
        moved = (onset.faces - onset.start)[None].astype(np.float32)
        ahead = self._network(displacements=moved)[0].astype(float)
        ahead[LIDS] = 0
        return onset.faces[-1] + ahead

    def __call__(self, points: np.ndarray, stamp: float) -> np.ndarray:
        """points (468, 3) cm, metric face, seen at stamp (s) -> (468, 3) cm to be shown. One that jumps is of another face."""
        if self._stamp is not None and not 0 <= stamp - self._stamp <= LARGEST_GAP_S:
            self.reset()
        self._stamp = stamp
        for frame in self._grid(points, stamp):
            onset = self._onsets(frame)
            if onset is not None:
                self.fired += 1
                self.latest = Anticipated(stamp, onset, self.expected(onset))
                before, self._wait = self._offset(points, stamp), _Wait(onset, self.latest.face)
                self._begin(before, self.manners.ease_s, points, stamp)
            elif self._wait is not None and self._wait.is_over(frame, self.manners):
                before, self._wait = self._offset(points, stamp), None
                self._begin(before, self.manners.return_s, points, stamp)
        return points + self._offset(points, stamp)

    def _goal(self, points: np.ndarray) -> np.ndarray:
        """(468, 3) cm from what is observed to what would be shown if nothing had to be eased; the lids are never foretold."""
        if self._wait is None:
            return NOWHERE
        goal = self._wait.face - points
        goal[LIDS] = 0
        return goal

    def _offset(self, points: np.ndarray, stamp: float) -> np.ndarray:
        """(468, 3) cm from what is observed to what is shown."""
        share = self._ease.share(stamp)
        return (1 - share) * self._ease.before + share * self._goal(points)

    def _begin(self, before: np.ndarray, lasts_s: float, points: np.ndarray, stamp: float) -> None:
        """Eases on from an offset (468, 3) cm."""
        furthest = float(np.linalg.norm(self._goal(points) - before, axis=1).max())
        self._ease = _Ease(before, stamp, max(lasts_s, STEEPEST * furthest / self.manners.fastest_cm_s))


NOWHERE = np.zeros((POINTS, 3))
STEEPEST = 1.5  # slope of the ease below, in its middle


class _Ease(NamedTuple):
    before: np.ndarray  # (468, 3) cm, the offset that it begins at
    began: float  # s
    lasts_s: float

    def share(self, stamp: float) -> float:
        """0..1 of the way from it."""
        x = min(1.0, (stamp - self.began) / self.lasts_s) if self.lasts_s else 1.0
        return x * x * (3 - 2 * x)


class _Wait:
    """For the observed face to come to where it is expected."""

    def __init__(self, onset: Onset, face: np.ndarray) -> None:
        """face (468, 3) cm, the one expected."""
        self.face = face
        self._since = onset.stamp
        self._from, self._start = watched(onset.faces[-1]), watched(onset.start)
        self._way = watched(face) - self._from
        self._furthest = 0.0

    def is_over(self, frame: Frame, manners: Manners) -> bool:
        """Whether it came there, turned back, or never will: by the next frame of the grid."""
        now = watched(frame.face)
        far = float(distance(now, self._start))
        self._furthest = max(self._furthest, far)
        return bool(
            ((now - self._from) * self._way).sum() >= manners.reached * np.square(self._way).sum()
            or far < (1 - manners.declined) * self._furthest
            or frame.stamp - self._since > manners.longest_s
        )
