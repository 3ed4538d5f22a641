"""The process in which a virtual servo controller lives, whatever its kind: a device, its line, and a pty to open.

    python -m lipsync_robot.twin.controller ROBOT.yaml --link PATH [--log FILE]

PATH leads to the port, PATH.servos holds where the servos are driven to (servos.py). On stdout, `ok` says that it is up. Each
line on stdin is then a fault to inject (FAULTS), answered by `ok` once it is in force or by `error: ` and a sentence. When
stdin ends, however its parent died, the port goes, the device is left to its own fail-safe until its servos are home, and the
process ends.

The log has a JSON object a line, `t` in s of CLOCK_MONOTONIC: {"t", "wire", "outputs"} for every frame of targets that the
host sent, before any fault, {"t", "targets", "outputs"} for every one that the device took, {"t", "fault"} for every fault.
Targets and outputs are in bus units, null for a servo without torque. `t` is when a frame was read: those that were read
together share it.
"""

import argparse
import contextlib
import json
import math
import os
import pty
import select
import signal
import sys
import time
import tty
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from .. import settings
from ..errors import BadInputError
from ..motors import description
from ..motors.description import Robot
from .device import Device
from .faults import Line
from .servos import Servos

DEVICES = {"maestro": "maestro:Board", "dynamixel": "dynamixel:Chain"}  # loaded only when it is the robot's
FAULTS = (
    "drop P, corrupt P, delay S, garbage N, baud, clear, brown-out, unplug, replug, errors BITS, stick MOTOR, release MOTOR, "
    "overload MOTOR, seed N"
)
BEAT_S = 0.005  # the servos move at least so often while nothing comes
HOMING_S = 1.0  # that servos are given to get home after the device has noticed the silence
STDIN, STDOUT = 0, 1
Feed = Callable[[bytes, float], bytes]  # bytes from the host and the moment -> the reply


class ControllerError(BadInputError):
    """A virtual controller cannot be put up, has ended, or was asked for a fault that it does not have."""


class Port:
    """A pseudo-terminal that comes and goes under one link. Raises OSError where the link cannot be made."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master = self._slave = -1
        self.plugged = False

    def plug(self) -> None:
        """A new pseudo-terminal. Its far side stays open here, so that a host may come and go."""
        self.unplug()
        self._master, self._slave = pty.openpty()
        self.plugged = True
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        new = self._link.with_name(f"{self._link.name}.{os.getpid()}")
        new.symlink_to(os.ttyname(self._slave))
        os.replace(new, self._link)

    def unplug(self) -> None:
        """The host sees a hang-up; the link goes, unless a successor has put its own there."""
        if not self.plugged:
            return
        if self._link.is_symlink() and os.readlink(self._link) == os.ttyname(self._slave):
            self._link.unlink()
        os.close(self._slave)
        os.close(self._master)
        self.plugged = False

    def fileno(self) -> int:
        return self._master

    def read(self) -> bytes:
        """What the host has sent, possibly nothing."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self._master, 4096) if self.plugged else b""
        return b""

    def write(self, reply: bytes) -> None:
        """What a host leaves lying until the terminal is full is lost, as on any serial line."""
        with contextlib.suppress(BlockingIOError):
            if reply and self.plugged:
                os.write(self._master, reply)


class Log:
    """Lines of JSON, appended."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a")
        except OSError as error:
            raise ControllerError(
                f"{path}: the log cannot be written ({error.strerror}). Name a file in a folder of yours."
            ) from error

    def add(self, now: float, **what: object) -> None:
        """what: anything that JSON holds."""
        self._file.write(json.dumps({"t": now, **what}) + "\n")

    def flush(self) -> None:
        self._file.flush()


def powered(robot: Robot, now: float) -> Device:
    """The device of the robot's kind, at power-up."""
    module, name = DEVICES[robot.bus].split(":")
    return getattr(import_module(f".{module}", __package__), name)(robot, now)


class Controller:
    """A device of the robot's kind, the line to it, and the port at the line's other end."""

    def __init__(self, robot: Robot, link: Path, log: Log | None) -> None:
        self._robot = robot
        now = time.monotonic()
        self._device = powered(robot, now)
        self._line = Line(seed=0)
        self._log = log
        self._feed: Feed = self._device.feed
        self._witness: Feed = lambda *_: b""  # hears what the host sent before the line has damaged it
        if log is not None:
            self._feed, self._witness = self._hears(self._device, "targets"), self._hears(powered(robot, now), "wire")
        self._link, self._port = link, Port(link)
        self._unread = b""
        self._parent = True  # is alive
        self._ends_at = math.inf

    def serve(self) -> None:
        """Until SIGTERM, SIGINT, or a while after the end of stdin. Raises ControllerError where its files cannot be made."""
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: self._end(at=-math.inf))
        with contextlib.ExitStack() as ends:
            try:
                now = time.monotonic()
                servos = Servos(self._link, self._device, now)
                ends.callback(servos.remove)
                ends.callback(self._port.unplug)
                self._port.plug()
            except OSError as error:
                raise ControllerError(f"{self._link}: the port cannot be linked there ({error.strerror}).") from error
            self._say("ok")
            ready: list[int] = []
            while (now := time.monotonic()) < self._ends_at:
                self._exchange(now)
                servos.update(self._device, now)
                if STDIN in ready:  # after what the host had sent before it
                    self._listen(now)
                ready = select.select(self._sources(), [], [], BEAT_S)[0]
                if not ready and self._log is not None:
                    self._log.flush()

    def _hears(self, device: Device, name: str) -> Feed:
        """-> the device's `feed` that logs each frame of targets it takes, also of several in one chunk: a byte at a time."""

        def feed(received: bytes, now: float) -> bytes:
            reply = b""
            for i in range(len(received)):
                before = device.accepted
                reply += device.feed(received[i : i + 1], now)
                if device.accepted != before and self._log is not None:
                    outputs = self._device.outputs(now)
                    self._log.add(now, **{name: _plain(device.targets), "outputs": _plain(outputs)})
            return reply

        return feed

    def _sources(self) -> list[int]:
        return [*([STDIN] if self._parent else []), *([self._port.fileno()] if self._port.plugged else [])]

    def _end(self, at: float) -> None:
        self._ends_at = min(self._ends_at, at)

    def _exchange(self, now: float) -> None:
        sent = self._port.read()
        self._witness(sent, now)
        arrived = self._line.to_device(sent, now)
        reply = self._feed(arrived, now) if arrived else b""
        self._port.write(self._line.to_host(reply, now))

    def _listen(self, now: float) -> None:
        received = os.read(STDIN, 4096)
        if not received:
            self._parent = False
            self._port.unplug()  # a host that goes on would keep the servos from going home
            self._end(at=now + self._robot.timeout_s + HOMING_S)
        *faults, self._unread = (self._unread + received).split(b"\n")
        for fault in faults:
            try:
                self._inject(fault.decode(errors="replace").strip(), now)
                self._say("ok")
            except ControllerError as error:
                self._say(f"error: {error}")

    def _inject(self, fault: str, now: float) -> None:
        match fault.split(maxsplit=1):
            case ["drop", share]:
                self._line.drop = _number(share, 1)
            case ["corrupt", share]:
                self._line.corrupt = _number(share, 1)
            case ["delay", seconds]:
                self._line.delay_s = _number(seconds, 60)
            case ["garbage", count]:
                for_device, for_host = self._line.garbage(_whole(count, 1 << 20))
                self._port.write(for_host)
                self._port.write(self._line.to_host(self._feed(for_device, now), now))
            case ["baud"]:
                self._line.wrong_speed = True
            case ["clear"]:
                self._line.clear()
            case ["brown-out"]:
                self._device.restart(now)
            case ["unplug"]:
                self._port.unplug()
            case ["replug"]:
                self._port.plug()
            case ["errors", bits]:
                self._device.set_error(_whole(bits, 0xFFFF))
            case ["stick", motor]:
                self._device.stick(self._motor(motor), True)
            case ["release", motor]:
                self._device.stick(self._motor(motor), False)
            case ["overload", motor]:
                self._device.overload(self._motor(motor))
            case ["seed", number]:
                self._line.seed(_whole(number, 1 << 32))
            case _:
                raise ControllerError(f"{fault!r} is no fault. Known: {FAULTS}.")
        if self._log is not None:
            self._log.add(now, fault=fault)

    def _motor(self, name: str) -> int:
        names = self._robot.names
        if name not in names:
            raise ControllerError(f"{self._robot.name} has no motor {name!r}. {settings.suggestion(name, names)}")
        return names.index(name)

    def _say(self, answer: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # a dead parent must not keep the servos from going home
            os.write(STDOUT, f"{answer}\n".encode())


def _plain(units: np.ndarray) -> list[float | None]:
    return [None if math.isnan(unit) else unit for unit in units.tolist()]


def _number(text: str, highest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= highest:
        raise ControllerError(f"{text!r} is no number from 0 to {highest:g}.")
    return value


def _whole(text: str, highest: int) -> int:
    try:
        value = int(text, base=0)  # 0x10 too
    except ValueError:
        value = -1
    if not 0 <= value <= highest:
        raise ControllerError(f"{text!r} is no whole number from 0 to {highest}.")
    return value


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lipsync_robot.twin.controller")
    parser.add_argument("robot", type=Path, help="description of the robot, a YAML file")
    parser.add_argument("--link", type=Path, required=True, help="where its port is to be found")
    parser.add_argument("--log", type=Path, help="append what passes to this file")
    given = parser.parse_args()
    try:
        robot = description.load(given.robot)
        log = Log(given.log) if given.log else None
        Controller(robot, given.link, log).serve()
    except BadInputError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
