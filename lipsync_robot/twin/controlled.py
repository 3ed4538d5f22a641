"""A virtual servo controller as the one who starts it sees it: a port to open, servos to look at, faults to inject."""

import contextlib
import select
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from ..motors import description
from . import servos
from .controller import ControllerError

PATIENCE_S = 30.0  # for an answer, which takes milliseconds on any machine that is not starved
LEAVE_S = 5.0  # to end when asked to


class VirtualController:
    """Starts controller.py for a robot's description and waits until its port is there.

    It has a process, and a session, of its own: Ctrl-C does not reach it, so that a driver can still bring the face home; when
    this process dies, however that is, it follows. Raises description.RobotDescriptionError, settings.SettingsError, and
    ControllerError with the reason if it does not start.
    """

    def __init__(self, robot_yaml: Path, link: Path, log: Path | None = None) -> None:
        """link: where the port is to be; log: what the controller appends what passes to."""
        self._robot = description.load(robot_yaml)
        self.port = link.absolute()
        command = [sys.executable, "-m", f"{__package__}.controller", str(robot_yaml.absolute()), "--link", str(self.port)]
        if log is not None:
            command += ["--log", str(log.absolute())]
        with contextlib.ExitStack() as starting:
            self._said = starting.enter_context(tempfile.TemporaryFile())
            self._process = starting.enter_context(
                subprocess.Popen(
                    command,
                    bufsize=0,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._said,
                    cwd=Path(__file__).parents[2],  # where it looks first for the package: it must be this one
                    start_new_session=True,
                )
            )
            starting.callback(self._terminate)
            self._await_ok()
            self._servos = servos.View(self.port)
            self._ends = starting.pop_all()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def fault(self) -> str:
        """Why it is not alive, in a sentence."""
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").splitlines() or [f"exit status {self._process.returncode}"]
        return f"{self.port}: the virtual servo controller has ended ({said[-1]})."

    def accepted(self) -> int:
        """Frames of targets that the device has taken since its power came up."""
        return self._servos.accepted

    def outputs(self) -> np.ndarray:
        """(motors,) µs or ticks that the servos are driven to now, NaN for one without torque. No system call."""
        return self._servos.outputs

    def positions(self) -> np.ndarray:
        """(motors,) the same over each motor's range, 0..1."""
        return self._robot.positions(self.outputs())

    def moves(self) -> list[tuple[float, np.ndarray]]:
        """Since the last call, oldest first: a moment (s, CLOCK_MONOTONIC), and positions as above from then on."""
        return [(moment, self._robot.positions(outputs)) for moment, outputs in self._servos.changes()]

    def inject(self, fault: str) -> None:
        """Returns when a fault, such as "corrupt 0.01" (all: controller.FAULTS), is in force. Raises ControllerError."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # which _await_ok explains
            self._process.stdin.write(f"{fault}\n".encode())
        self._await_ok()

    def close(self) -> None:
        """Ends the process, at once and with its port."""
        self._ends.close()

    def _terminate(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _await_ok(self) -> None:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
            raise ControllerError(f"{self.port}: the virtual servo controller (process {self.pid}) does not answer.")
        answer = self._process.stdout.readline().decode().strip()
        if not answer:
            self._process.wait()
            raise ControllerError(self.fault)
        if answer != "ok":
            raise ControllerError(answer.removeprefix("error: "))
