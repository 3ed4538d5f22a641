"""A robot in front of a camera: moved through the driver's guard, and looked at once it stands still.

What needs no stream but one pose after the other: babbling, and every measurement of what a robot can do.
"""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from types import TracebackType
from typing import Protocol

import numpy as np

from . import buses
from .bus import Bus, BusError
from .description import Robot
from .driver import Driver
from .schedule import Pose

TICK_S = 0.01
FRAME_S = 0.04  # between two looks at whether it still moves
REST_S = 0.5  # that a robot is given to come to rest before its camera's own noise is measured
RESTING_LOOKS = 8  # for that noise
NOISE_MARGIN = 1.3  # times the most of it: beyond this, something moves
LEAST_NOISE = 0.02  # grey levels, of a camera that has none: what servos creep in the end is no motion
LOST_S = 3.0  # without its bus, a robot counts as gone
MOST_LOOKS = 50  # in two seconds every servo has arrived, or trembles


class Time(Protocol):
    def now(self) -> float: ...

    def wait(self, seconds: float) -> None: ...


class RealTime:
    def now(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class Eye(Protocol):
    def picture(self) -> np.ndarray:
        """-> (h, w, 3) uint8 RGB, taken now."""

    def views(self) -> Iterator[np.ndarray]:
        """Some pictures of a face that stands still, from as many sides as this eye can look from."""


class Body:
    """Owns a robot's bus while it lives. Leaves it at neutral, unless interrupted; limp, unless its board holds it there."""

    def __init__(self, robot: Robot, open_bus: Callable[[], Bus], eye: Eye, time: Time | None = None) -> None:
        """Takes the robot to neutral. eye: what sees its face. Raises BusError where there is no robot, or a line too slow."""
        if slow := buses.too_slow(robot, 1 / TICK_S):
            raise BusError(f"{slow}, of {1000 * TICK_S:.0f} ms between two poses. Raise baud, in its servos or its board too.")
        self.robot = robot
        self._eye = eye
        self._time = time or RealTime()
        self._driver = Driver(robot, open_bus, self._time.now())
        self._driver.start()
        self._heard = self._ticked = self._time.now()
        try:
            self._noise = self._noise_at_rest()
        except BaseException:
            self._driver.leave()
            raise

    def __enter__(self) -> "Body":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                while not self._driver.at_rest(self._time.now()):
                    self._follow(self.robot.neutral)
        finally:
            self._driver.leave()

    def go(self, command: np.ndarray) -> np.ndarray:
        """Moves to command (motors,) as fast as the guard lets it -> what was sent in the end, when all of it was sent.

        Raises ValueError for what is no pose of this robot, and BusError where the bus stays away.
        """
        if not self._driver.guard.knows(command):
            raise ValueError(f"not {len(self.robot.motors)} finite positions: {command}")
        goal = np.clip(command, 0.0, 1.0)
        while not np.allclose(sent := self._follow(goal), goal, atol=1e-6):
            pass
        return sent

    def comes_to_rest(self, command: np.ndarray) -> bool:
        """Holds command (motors,) until two pictures in a row are alike, but for the camera's noise; at most two seconds."""
        before = self.picture()
        for _ in range(MOST_LOOKS):
            self.play(command, FRAME_S)
            seen = self.picture()
            if change(before, seen) <= self._noise:
                return True
            before = seen
        return False

    def picture(self) -> np.ndarray:
        """-> (h, w, 3) uint8 RGB of the face as it is now."""
        return self._eye.picture()

    def views(self, command: np.ndarray) -> list[np.ndarray]:
        """Holds command (motors,) -> pictures (h, w, 3) uint8 RGB of the face as it stands."""
        seen = []
        for picture in self._eye.views():
            seen.append(picture)
            self._follow(command)  # a bus that hears nothing for so many pictures would send its servos home, or stop them
        return seen

    def play(self, command: np.ndarray, seconds: float) -> np.ndarray:
        """Follows command (motors,) for so long, arrived or not -> what was sent last."""
        sent = self._follow(command)
        for _ in range(round(seconds / TICK_S) - 1):
            sent = self._follow(command)
        return sent

    def _noise_at_rest(self) -> float:
        self.go(self.robot.neutral)
        self.play(self.robot.neutral, REST_S)
        pictures = [self.picture() for _ in range(RESTING_LOOKS)]
        changes = [change(before, after) for before, after in pairwise(pictures)]
        return max(LEAST_NOISE, NOISE_MARGIN * max(changes))

    def _follow(self, command: np.ndarray) -> np.ndarray:
        """One tick towards command -> (motors,) what was sent; raises BusError once nothing could be for LOST_S."""
        now = self._time.now()
        if now - self._ticked > self.robot.timeout_s:  # a board may have gone home by itself: on from where its servos stand
            self._driver.close()
            self._heard = now
        self._ticked = now
        self._driver.command(Pose(due=now, expires=now + TICK_S, stamp=now, positions=command), now)
        sent = self._driver.tick(now)
        self._time.wait(TICK_S)
        if sent is not None:
            self._heard = now
            return sent.positions
        if now - self._heard > LOST_S:
            raise BusError(self._driver.fault or f"{self.robot.name}: nothing could be sent for {LOST_S:g} s. Is it stopped?")
        return np.full(len(self.robot.motors), np.nan)


def change(before: np.ndarray, after: np.ndarray) -> float:
    """How much two pictures (h, w, 3) differ, grey levels a pixel."""
    return float(np.abs(after.astype(np.int16) - before).mean())
