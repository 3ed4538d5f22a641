"""A Pololu Maestro without hardware: byte-exact, on a pseudo-terminal, so that the driver's own serial path is used."""

import contextlib
import os
import pty
import select
import threading
import tty
from pathlib import Path

import numpy as np

from ..motors import maestro as protocol
from ..motors.description import Robot

PROTOCOL_ERROR = 1 << 4
POLL_S = 0.1  # how soon the reading thread notices that it is to end
ARGUMENTS = {protocol.SET_TARGET: 3, protocol.GET_POSITION: 1, protocol.GET_ERRORS: 0, protocol.GO_HOME: 0}


class Board:
    """The board's own logic: bytes in, bytes out, targets in quarter µs. No input, however garbled, raises."""

    def __init__(self, home: dict[int, int]) -> None:
        """home: target of each channel in quarter µs, where it starts and where an error sends it."""
        self.targets = dict(home)
        self._home = home
        self._errors = 0
        self._command = bytearray()

    def feed(self, received: bytes) -> bytes:
        """Bytes from the host, in any chunking -> the board's reply."""
        return b"".join(self._byte(byte) for byte in received)

    def _byte(self, byte: int) -> bytes:
        if byte & 0x80:  # a command byte; whatever was under way is lost
            if self._command:
                self._fail()
            if byte not in ARGUMENTS and byte != protocol.SET_TARGETS:
                self._fail()
                return b""
            self._command = bytearray([byte])
        elif not self._command:
            self._fail()
            return b""
        else:
            self._command.append(byte)
        if len(self._command) < self._length():
            return b""
        command, self._command = bytes(self._command), bytearray()
        return self._run(command)

    def _length(self) -> int:
        if self._command[0] == protocol.SET_TARGETS:
            return 3 + 2 * self._command[1] if len(self._command) > 1 else 3
        return 1 + ARGUMENTS[self._command[0]]

    def _run(self, command: bytes) -> bytes:
        code, data = command[0], command[1:]
        if code == protocol.GET_ERRORS:
            errors, self._errors = self._errors, 0
            return errors.to_bytes(2, "little")
        if code == protocol.GO_HOME:
            self.targets = dict(self._home)
        elif code == protocol.GET_POSITION:
            return self.targets.get(data[0], 0).to_bytes(2, "little")
        elif code == protocol.SET_TARGET:
            self._set(data[0], data[1:])
        else:
            for i in range(data[0]):
                self._set(data[1] + i, data[2 + 2 * i :])
        return b""

    def _set(self, channel: int, data: bytes) -> None:
        if channel in self.targets:
            self.targets[channel] = data[0] | data[1] << 7
        else:
            self._fail()

    def _fail(self) -> None:
        """As the real board with its servos set to go home on an error."""
        self._errors |= PROTOCOL_ERROR
        self._command = bytearray()
        self.targets = dict(self._home)


class VirtualMaestro:
    """A Board on a pseudo-terminal, with a link to its port. One thread reads, until closed."""

    def __init__(self, robot: Robot, link: Path) -> None:
        self._robot = robot
        home = {m.channel: round(4 * p) for m, p in zip(robot.motors, robot.targets(robot.neutral), strict=True)}
        self._board = Board(home)
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self._link = link
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._slave))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="virtual maestro", daemon=True)
        self._thread.start()

    @property
    def port(self) -> Path:
        """The path to open."""
        return self._link

    @property
    def positions(self) -> np.ndarray:
        """(motors,) what the board puts out now, over each motor's range."""
        targets = self._board.targets
        return self._robot.positions(np.array([targets[motor.channel] / 4 for motor in self._robot.motors]))

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            if os.readlink(self._link) == os.ttyname(self._slave):
                self._link.unlink()
        os.close(self._master)
        os.close(self._slave)

    def _serve(self) -> None:
        while not self._closing.is_set():
            if select.select([self._master], [], [], POLL_S)[0]:
                reply = self._board.feed(os.read(self._master, 4096))
                if reply:
                    os.write(self._master, reply)
