"""From motor commands to the wire: schedule, guard and bus in one place, moved by ticks. Time is passed in."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from .bus import Bus, BusError, Health
from .description import Robot
from .guard import EASE_S, Guard
from .schedule import Pose, Schedule

FIRST_RETRY_S, LAST_RETRY_S = 0.1, 0.25  # between attempts to open the bus
BACK_S = 1.0  # a device that is there again is moved by then: an attempt that it came too late for, a pause, and one more
REPEAT_S = 0.05  # between two frames of a face that keeps still: its controller may have missed one
ASK_EVERY_S = 0.1  # how often the bus is asked how it is, which also tells it that the host lives
PATIENCE = 5  # answers in a row that may be missing or damaged before the bus counts as gone
FARTHEST_S = 30.0  # a pose that is due later than this comes from a clock that is wrong
FRESH_S = 5.0  # a fault that has not come back for so long is over
ARRIVAL_S = 0.3  # that servos may trail what was sent: made limp before, they stand short of neutral


class Sent(NamedTuple):
    """What went onto the wire in one tick."""

    positions: np.ndarray  # (motors,) in 0..1, after the guard
    pose: Pose | None  # the command behind it, None while holding or going home


class Driver:
    """Keeps going without a bus: asks for a new one with growing pauses, and goes on from where its servos stand.

    Nothing moves before `start`. A damaged answer or a refused frame is counted, and ends nothing.
    """

    def __init__(self, robot: Robot, open_bus: Callable[[], Bus], now: float) -> None:
        self.guard = Guard(robot.neutral, robot.max_speed, now, robot.idle_off_s)
        self.health: Health | None = None  # the last that the bus told of itself
        self.counts: Counter[str] = Counter()  # frames, connections, unanswered, and each fault by its words
        self.fault = "not connected yet"  # what keeps it from the bus, empty when nothing does
        self._robot = robot
        self._open_bus = open_bus
        self._schedule = Schedule()
        self._bus: Bus | None = None
        self._sent: np.ndarray | None = None  # the last positions on the wire
        self._moved = now  # when these were last other than neutral
        self._ticked = now
        self.started = self._ending = False  # started: motion may begin
        self._limp = False  # since it was stopped
        self._torque = True  # as wished for
        self._stiff: bool | None = None  # as it is, None where that is not known
        self._asked = self._reboot = False
        self._ask_at = now
        self._unanswered = 0
        self._recent: dict[str, float] = {}  # fault: when it came last
        self._retry_at: float | None = now  # None: not known yet, an attempt has just failed
        self._pause = FIRST_RETRY_S

    @property
    def connected(self) -> bool:
        return self._bus is not None

    @property
    def fail_safe(self) -> bool:
        """Whether the servos are safe without this computer, as far as the bus knows; so is one that is not there."""
        return self._bus is None or self._bus.when_silent != "nothing"

    @property
    def awaits_answer(self) -> bool:
        """Whether the bus still owes an answer, which takes its time on a line that both sides share."""
        return self._asked

    def asks(self, now: float) -> bool:
        """Whether a tick at this moment will."""
        return self.connected and now >= self._ask_at

    @property
    def pending(self) -> int:
        """How many poses still wait for their moment."""
        return len(self._schedule)

    @property
    def at_neutral(self) -> bool:
        """Whether the last positions on the wire were neutral, to half a percent, or nothing was ever sent."""
        return self._sent is None or bool(np.abs(self._sent - self.guard.neutral).max() <= 0.005)

    @property
    def longest_way_home_s(self) -> float:
        """Seconds after which a driver that was told to end is at neutral, a reconnection included."""
        return float(1 / self._robot.max_speed.min()) + EASE_S + BACK_S + self._robot.timeout_s + ARRIVAL_S

    @property
    def resting(self) -> bool:
        """Whether the next frame would be the last one again, until something is asked for."""
        return self.connected and not self._schedule.lies_ahead(self._ticked) and self.guard.resting

    def at_rest(self, now: float) -> bool:
        """Whether the servos, too, have had the time to come to neutral, or are limp, and will not come there."""
        return self._stiff is False or (self.at_neutral and (self._sent is None or now - self._moved >= ARRIVAL_S))

    def command(self, pose: Pose, now: float) -> bool:
        """Queues a pose for its moment -> whether it was still worth it, and a pose of this robot."""
        if not self.started or self._ending or not now - FARTHEST_S < pose.due < now + FARTHEST_S or now > pose.expires:
            return False
        if not self.guard.knows(pose.positions):
            return False
        self._schedule.add(pose)
        return True

    def start(self) -> None:
        """Lets motion begin, from where the servos are found."""
        self.started, self._ending, self._limp = True, False, False

    def go_home(self) -> None:
        """Voids what is pending and goes to neutral; a later command moves the face again."""
        self._schedule.clear()
        self.guard.home()

    def end(self) -> None:
        """As go_home, and takes no further command until it is started again."""
        self._ending = True
        self.go_home()

    def stop(self) -> None:
        """Nothing moves any more, and the servos go limp."""
        self._schedule.clear()
        self.started, self._limp = False, True

    def torque(self, on: bool) -> None:
        """Off: the servos go limp, whatever is commanded. On: they go on from where they are found."""
        self._torque = on

    def reboot(self) -> bool:
        """Restarts servos that have switched themselves off, if there are any, and takes them up again where they are found.

        -> whether there is a bus to do it on.
        """
        self._reboot = self.connected
        return self._reboot

    def tick(self, now: float) -> Sent | None:
        """Sends what this moment asks for -> what was sent, None where nothing was."""
        self._ticked = now
        pose = self._schedule.at(now)
        # Fresh is what has just come due: whatever lifetime a pose was given, silence after it goes home.
        if pose is not None and not self.guard.accept(pose.positions, min(now, pose.due)):
            pose = None
        positions = self.guard.output(now)
        try:
            if self._bus is None:
                self._connect(now)
            if self._bus is None:
                return None
            if self._reboot:
                self._reboot = False
                if self._bus.reboot():
                    raise BusError("rebooting the servos, as asked")
            self._listen(self._bus, now)
            sent = self._move(self._bus, positions, now)
            if self.asks(now):
                self._ask(self._bus, now)
        except BusError as error:
            self._lose(str(error))
            return None
        return Sent(sent, pose) if sent is not None else None

    def pause(self, moment: float, shortest: float, longest: float) -> float:
        """Seconds from a tick at this moment to the one that is to follow it; longest: while the face moves."""
        return REPEAT_S if self.resting else self._schedule.pause(moment, shortest, longest)

    def faults(self, now: float) -> list[str]:
        """What is wrong at this moment, in words that say what to do."""
        for fault in [fault for fault, when in self._recent.items() if now - when > FRESH_S]:
            del self._recent[fault]
        return [self.fault] * bool(self.fault) + list(self._recent)

    def leave(self) -> None:
        """Lets go of the servos and the bus: limp, unless the device would send them home again, stiff, a moment later."""
        if self._bus is not None and self._stiff and self._bus.when_silent != "home":
            with suppress(BusError):
                self._bus.torque(False)
        self.close()

    def close(self) -> None:
        if self._bus is not None:
            self._bus.close()
            self._bus = None
        self._stiff, self._asked = None, False

    def _connect(self, now: float) -> None:
        if self._retry_at is None:  # from the end of an attempt, which may take long: others of this thread have their turn
            self._retry_at = now + self._pause
            self._pause = min(LAST_RETRY_S, 2 * self._pause)
        if now < self._retry_at:
            return
        self._bus = self._open_bus()
        self.fault, self._unanswered = "", 0
        self.counts["connections"] += 1

    def _listen(self, bus: Bus, now: float) -> None:
        if not self._asked:
            return
        health = bus.answer()
        if health is None:
            return
        self._asked, self._unanswered, self._pause = False, 0, FIRST_RETRY_S
        self.health = health
        for fault in health.faults:
            self.counts[fault] += 1
            self._recent[fault] = now

    def _ask(self, bus: Bus, now: float) -> None:
        if self._asked:
            self.counts["unanswered"] += 1
            self._unanswered += 1
            if self._unanswered == PATIENCE:
                raise BusError(f"{self._robot.name}: its controller has stopped answering. Check its power and cable.")
        if self._stiff is False:  # noise on the line may have brought the torque back, or swallowed what took it off
            bus.torque(False)
        bus.ask()
        self._asked, self._ask_at = True, now + ASK_EVERY_S

    def _move(self, bus: Bus, positions: np.ndarray, now: float) -> np.ndarray | None:
        """-> what was sent, None while the servos are to be limp."""
        if self._limp or not self._torque or self.guard.idle:
            if self._stiff is not False:
                bus.torque(False)
                self._stiff = False
            return None
        if not self.started:  # the servos stay as they were found
            return None
        if not self._stiff:
            found = self._robot.positions(bus.read())
            if self._sent is not None:  # a servo that does not know where it is was left there
                found = np.where(np.isnan(found), self._sent, found)
            self.guard.starts_from(found, now)
            positions = self.guard.position
        bus.write(self._robot.targets(positions))
        if not self._stiff:
            bus.torque(True)
            self._stiff = True
        self.counts["frames"] += 1
        self._sent = positions
        if not self.at_neutral:
            self._moved = now
        return positions

    def _lose(self, fault: str) -> None:
        self.close()
        self.fault, self._retry_at = fault, None
