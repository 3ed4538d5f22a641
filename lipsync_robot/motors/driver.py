"""From motor commands to the wire: schedule, guard and bus in one place, moved by ticks. Time is passed in."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .bus import Bus, BusError
from .description import Robot
from .guard import EASE_S, Guard
from .schedule import Pose, Schedule

FIRST_RETRY_S, LAST_RETRY_S = 0.1, 1.0


class Sent(NamedTuple):
    """What went onto the wire in one tick."""

    positions: np.ndarray  # (motors,) in 0..1, after the guard
    pose: Pose | None  # the command behind it, None while holding or going home


class Driver:
    """Keeps going without a bus: asks for a new one with growing pauses, and goes on from where its servos stand."""

    def __init__(self, robot: Robot, open_bus: Callable[[], Bus], now: float) -> None:
        self.guard = Guard(robot.neutral, robot.max_speed, now)
        self.fault = "not connected yet"
        self._robot = robot
        self._open_bus = open_bus
        self._schedule = Schedule()
        self._bus: Bus | None = None
        self._sent: np.ndarray | None = None  # the last positions on the wire
        self._stopped = False
        self._retry_at, self._pause = now, FIRST_RETRY_S

    @property
    def connected(self) -> bool:
        return self._bus is not None

    def command(self, pose: Pose, now: float) -> bool:
        """Queues a pose for its moment -> whether it was still worth it."""
        if self._stopped or now > pose.expires:
            return False
        self._schedule.add(pose)
        return True

    def stop(self) -> None:
        """Voids what is pending, takes no further command, and goes to neutral."""
        self._stopped = True
        self._schedule.clear()
        self.guard.home()

    def tick(self, now: float) -> Sent | None:
        """Sends what this moment asks for -> what was sent, None where there is no bus to send it to."""
        pose = self._schedule.at(now)
        if pose is not None and not self.guard.accept(pose.positions, now):
            pose = None
        if self._bus is None and not self._connect(now):
            self.guard.output(now)
            return None
        assert self._bus is not None
        positions = self.guard.output(now)
        try:
            self._bus.write(self._robot.targets(positions))
        except BusError as error:
            self._lose(str(error), now)
            return None
        self._sent = positions
        return Sent(positions, pose)

    @property
    def pending(self) -> int:
        """How many poses still wait for their moment."""
        return len(self._schedule)

    @property
    def at_neutral(self) -> bool:
        """Whether the last positions on the wire were neutral, to half a percent, or nothing was ever sent."""
        return self._sent is None or bool(np.allclose(self._sent, self._robot.neutral, atol=0.005))

    @property
    def longest_way_home_s(self) -> float:
        """Seconds after which a driver that was stopped is at neutral, a reconnection included."""
        return float(1 / self._robot.max_speed.min()) + EASE_S + 2 * LAST_RETRY_S

    def errors(self) -> list[str]:
        """What the board has to complain of since it was last asked, in words."""
        if self._bus is None:
            return [self.fault]
        try:
            health = self._bus.answer()
            self._bus.ask()
        except BusError as error:
            return [str(error)]
        return list(health.faults) if health else []

    def close(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    def _connect(self, now: float) -> bool:
        if now < self._retry_at:
            return False
        try:
            self._bus = self._open_bus()
            found = self._robot.positions(self._bus.read())
            found = np.where(np.isnan(found), self._robot.neutral, found)  # NaN: that servo is off
        except BusError as error:
            self._lose(str(error), now)
            return False
        self.fault, self._pause = "", FIRST_RETRY_S
        self.guard.starts_from(found, now)
        return True

    def _lose(self, fault: str, now: float) -> None:
        self.close()
        self.fault = fault
        self._retry_at = now + self._pause
        self._pause = min(LAST_RETRY_S, 2 * self._pause)
