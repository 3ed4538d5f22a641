"""A virtual chain of Dynamixels on a pseudo-terminal, and a line to it that may do anything to what the servos say."""

import contextlib
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lipsync_robot.motors import description, dynamixel_port
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.dynamixel_table import Register
from lipsync_robot.resources import resource
from lipsync_robot.twin import dynamixel_frames as wire
from lipsync_robot.twin.dynamixel import Chain

ROBOT = description.load(resource("config/robots/dynamixel_head.yaml"))
PATIENT = replace(ROBOT, timeout_s=2.5)  # a watchdog that a busy machine does not trigger


class Line:
    """A chain on a pseudo-terminal, served by a thread. `damage` is what becomes of each reply on its way to the host."""

    def __init__(self, robot: Robot) -> None:
        self.chain = Chain(robot, time.monotonic())
        self.damage: Callable[[bytes], bytes] = lambda reply: reply
        self.sent = b""  # by the host
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def do(self, what: Callable[[Chain, float], Any]) -> Any:
        """Something to the chain that the host does not see: what(chain, now)."""
        with self._lock:
            return what(self.chain, time.monotonic())

    def set(self, register: Register, value: int, motor: int) -> None:
        data = register.address.to_bytes(2, "little") + register.packed(value)
        self.do(lambda chain, now: chain.feed(wire.frame(ROBOT.channels[motor], wire.WRITE, data), now))

    def registers(self, register: Register) -> list[int]:
        what = register.address.to_bytes(2, "little") + register.size.to_bytes(2, "little") + bytes(ROBOT.channels)
        reply = self.do(lambda chain, now: chain.feed(wire.frame(wire.BROADCAST, wire.SYNC_READ, what), now))
        return [register.read(frame.parameters[1:], register.address) for frame in wire.Frames().feed(reply)]

    def outputs(self) -> np.ndarray:
        return self.do(Chain.outputs)

    def heard(self, instruction: int) -> list[wire.Frame]:
        """Frames of that kind which the host sent."""
        return [frame for frame in wire.Frames().feed(self.sent) if frame.instruction == instruction]

    def unplug(self) -> None:
        """The thread has ended, so that nobody is left who could answer or read."""
        if not self._ends.is_set():
            self._ends.set()
            self._thread.join()
            os.close(self._slave)
            os.close(self._master)

    def _serve(self) -> None:
        while not self._ends.is_set():
            ready = select.select([self._master], [], [], 0.005)[0]
            received = os.read(self._master, 4096) if ready else b""
            self.sent += received
            reply = self.do(lambda chain, now, received=received: chain.feed(received, now))
            reply = self.damage(reply) if received else b""
            while reply and not self._ends.is_set():
                if select.select([], [self._master], [], 0.005)[1]:
                    reply = reply[os.write(self._master, reply) :]


@contextlib.contextmanager
def patience(seconds: float = 10.0) -> Iterator[None]:
    """For a chain that shares a busy machine with its host."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamixel_port, "REPLY_S", seconds)
        yield
