"""Random and damaged bytes for every parser at both ends of the wire: none raises or hangs.

How many wrong positions they believe is what a checksum lets through: of 7 bits for a Maestro, of 16 for a Dynamixel. A
Maestro's answers have none, but are asked for four times.
"""

import contextlib
import os
import pty
import threading
import time
import traceback
import tty
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from robot import described

from lipsync_robot.motors import buses, maestro, maestro_protocol
from lipsync_robot.motors.bus import BusError
from lipsync_robot.motors.description import Robot
from lipsync_robot.twin.controller import powered

STRINGS = 1_000_000  # to each parser
LONGEST = 60  # bytes of a random string
RANDOM = 0.3  # share of strings that are no damaged frame
ANSWER_S = 0.002  # between two answers by USB
BELIEVABLE_US = 25.0  # of error: what a servo moves at its fastest between two answers is no jump
SLOW_S = 1.0  # a parser that takes so long for one string hangs


class Verdict(NamedTuple):
    """What a parser made of a string: whether it believed a position in it, whether that is one that cannot be, and whether
    it took the line for lost, as it may: the driver connects anew."""

    believed: bool
    wrong: bool
    lost: bool = False


Parser = Callable[[bytes], Verdict]


def run(bus: str) -> dict[str, Any]:
    robot = described(bus)
    line = Line(robot)
    parsers: dict[str, tuple[Parser, list[bytes]]] = {
        "device, what it is told": (Told(robot, line.questions), line.questions),
        "host, answers": (line, line.answers),
    }
    if bus == "maestro":
        positions = b"".join((4 * int(target)).to_bytes(2, "little") for target in robot.targets(robot.neutral))
        parsers["host, positions"] = (Pulses(robot), [positions])
    figures = {name: _fuzzed(parser, frames) for name, (parser, frames) in parsers.items()}
    return {**figures, "broken": any(figure["raised"] or figure["slow"] for figure in figures.values())}


def _fuzzed(parser: Parser, frames: list[bytes]) -> dict[str, Any]:
    random = np.random.default_rng(0)
    figures = {"strings": STRINGS, "believed": 0, "raised": 0, "slow": 0, "wrong positions": 0, "lines lost": 0}
    began = time.monotonic()
    for _ in range(STRINGS):
        data = _random(random) if random.random() < RANDOM else _damaged(frames[random.integers(len(frames))], random)
        before = time.monotonic()
        try:
            verdict = parser(data)
            figures["believed"] += verdict.believed
            figures["wrong positions"] += verdict.wrong
            figures["lines lost"] += verdict.lost
        except Exception:
            traceback.print_exc()
            figures["raised"] += 1
        figures["slow"] += time.monotonic() - before > SLOW_S
    return figures | {"µs a string": round(1e6 * (time.monotonic() - began) / STRINGS)}


def _random(random: np.random.Generator) -> bytes:
    return random.bytes(random.integers(LONGEST))


def _damaged(frame: bytes, random: np.random.Generator) -> bytes:
    """A frame in which a few bytes are flipped, lost, doubled or new, or that is cut, or runs into another one."""
    data = bytearray(frame)
    for _ in range(random.integers(1, 4)):
        at = int(random.integers(len(data) + 1))
        match random.integers(6):
            case 0 if at < len(data):
                data[at] ^= 1 << random.integers(8)
            case 1:
                del data[at : at + 1]
            case 2:
                data[at:at] = random.bytes(random.integers(1, 4))
            case 3:
                del data[at:]
            case 4 if at < len(data):
                data[at] = random.integers(256)
            case _:
                data += frame[:at]
    return bytes(data)


class Told:
    """The device's parser, which must take no targets but those that were sent whole; 7 bits of checksum let some through."""

    def __init__(self, robot: Robot, frames: list[bytes]) -> None:
        self._device, self._now = powered(robot, 0.0), 0.0
        self._sent = set()
        honest = powered(robot, 0.0)
        for frame in frames:
            honest.feed(frame, 0.0)
            self._sent.add(honest.targets.tobytes())

    def __call__(self, data: bytes) -> Verdict:
        self._now += 0.001
        before = self._device.accepted
        self._device.feed(data, self._now)
        taken = self._device.accepted > before
        return Verdict(taken, taken and self._device.targets.tobytes() not in self._sent)


class Line:
    """The host's parser of answers: the genuine bus on a pty, and what a device of its kind says on it, kept or made up.

    Its servos do not move: any other place that the host believes in is wrong.
    """

    def __init__(self, robot: Robot) -> None:
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.questions: list[bytes] = []
        self.answers: list[bytes] = []
        self._device = powered(robot, time.monotonic())
        answering = threading.Event()
        answering.set()
        thread = threading.Thread(target=self._answer, args=(answering,))
        thread.start()
        self._bus = buses.open_bus(robot, os.ttyname(slave))
        self._true = self._bus.read()
        self._bus.write(robot.targets(robot.neutral))
        for _ in range(12):  # a chain of servos is asked about one after the other
            self._bus.ask()
            time.sleep(0.05)
            self._bus.answer()
        answering.clear()
        self._bus.ask()  # wakes the thread, which must not take any more
        thread.join()
        os.set_blocking(self._master, False)

    def __call__(self, data: bytes) -> Verdict:
        try:
            self._bus.ask()
            with contextlib.suppress(BlockingIOError):
                os.read(self._master, 1 << 16)
            os.write(self._master, data)
            health = self._bus.answer()
        except BusError:
            return Verdict(False, False, lost=True)
        if health is None:
            return Verdict(False, False)
        return Verdict(True, bool((np.abs(health.positions - self._true) > 0).any()))  # a Maestro's are NaN: it measures none

    def _answer(self, answering: threading.Event) -> None:
        while answering.is_set():
            asked = os.read(self._master, 1 << 16)
            answer = self._device.feed(asked, time.monotonic())
            self.questions.append(asked)
            if answer:
                self.answers.append(answer)
                os.write(self._master, answer)


class Pulses:
    """The host's parser of a Maestro's positions, which carry no checksum: asked four times, damaged each time."""

    def __init__(self, robot: Robot) -> None:
        self._robot, self._true = robot, robot.targets(robot.neutral)
        self._readings = deque([self._true], maxlen=maestro.READINGS)

    def __call__(self, data: bytes) -> Verdict:
        if len(data) != 2 * len(self._true):  # more or less than was asked for is refused before
            return Verdict(False, False)
        self._readings.append(maestro_protocol.pulses(data))
        last = self._readings[-1]
        alike = all(maestro_protocol.agree(self._robot, *pair, ANSWER_S) for pair in pairwise(self._readings))
        if len(self._readings) < maestro.READINGS or not alike or maestro_protocol.impossible(last).any():
            return Verdict(False, False)
        return Verdict(True, not bool((np.abs(last - self._true) <= BELIEVABLE_US).all()))
