"""What the benches share: the nodes as processes of their own in front of a virtual servo controller, and its log."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")

from lipsync_robot.cli.bench_graph import long_speech
from lipsync_robot.motors import description
from lipsync_robot.motors.ports import run_folder
from lipsync_robot.resources import resource
from lipsync_robot.twin import servos
from lipsync_robot.twin.controlled import VirtualController

PROGRAMS = Path(sys.prefix) / "lib" / "lipsync_robot"
CHAIN = ("audio_file", "speaker", "audio2landmark", "retarget", "inverse_model", "motor_driver")  # sound in, motion out
MOVING = 0.15  # of the range, from neutral
PATIENCE_S = 30.0


class Bench:
    """A virtual controller and the nodes in front of it, each a process; all are ended with it."""

    def __init__(self, bus: str = "maestro", twin: bool = False, logs: bool = True) -> None:
        """bus: which the motors hang on; twin: the controller is the one that the twin node puts up; logs: it keeps a log."""
        self.folder = Path(tempfile.mkdtemp(prefix="lipsync-bench-"))
        self.yaml = self.folder / "robot.yaml"
        self.yaml.write_text(yaml.safe_dump(_on(bus)))
        self.robot = description.load(self.yaml)
        self.log, self._logs = self.folder / "log", logs
        self.port = run_folder() / f"{os.environ['ROS_DOMAIN_ID']}.port" if twin else self.folder / "port"
        self._servos: servos.View | None = None
        if not twin:
            self.power()
        self._sound = self.folder / "speech.wav"
        self.processes: dict[str, subprocess.Popen] = {}

    def power(self) -> None:
        """Puts up the controller, again if it was killed."""
        self.controller = VirtualController(self.yaml, self.port, self.log if self._logs else None)
        self._servos = None

    def start(self, node: str, **parameters: Any) -> subprocess.Popen:
        """Starts a node, with the parameters of speak.yaml and these over them."""
        given: dict[str, Any] = {
            "motor_driver": {"port": str(self.port), "robot": str(self.yaml)},
            "audio_file": {"file": str(self.speech())},
        }.get(node, {}) | parameters
        command = [
            str(PROGRAMS / node),
            "--ros-args",
            "--log-level",
            "fatal",
            "--params-file",
            str(resource("config/speak.yaml")),
        ]
        for key, value in given.items():
            command += ["-p", f"{node}:{key}:={json.dumps(value)}"]
        self.processes[node] = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.processes[node]

    def speech(self) -> Path:
        """A recording of somebody who talks for long."""
        return self._sound if self._sound.exists() else long_speech(self._sound)

    def events(self, kind: str) -> Iterator[dict[str, Any]]:
        """The log's lines that hold `kind`: wire, targets or fault."""
        with self.log.open() as lines:
            for line in lines:
                event = json.loads(line)
                if kind in event:
                    yield event

    def wait_until_moving(self) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not self.open_by > MOVING:
            if time.monotonic() > give_up:
                raise RuntimeError("nothing moves")
            time.sleep(0.01)

    def takes_frames(self, patience_s: float) -> bool:
        """Waits until the device has taken some frames more -> whether it has."""
        taken, before = 0, self.controller.accepted()
        give_up = time.monotonic() + patience_s
        while taken < 3:
            now = self.controller.accepted()
            taken, before = taken + max(0, now - before), now  # a device that restarts counts anew
            if time.monotonic() > give_up:
                return False
            time.sleep(0.005)
        return True

    @property
    def open_by(self) -> float:
        """How far any motor is driven from neutral now, 0..1; NaN for a face without torque."""
        if self._servos is None:
            try:
                self._servos = servos.View(self.port)
            except FileNotFoundError:
                return 0.0
        positions = self.robot.positions(self._servos.outputs)
        return float(np.abs(positions - self.robot.neutral).max())

    def interrupt(self) -> None:
        """Interrupts all nodes, as a launch file does when one of them has died."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Interrupts all nodes and waits until they have ended."""
        self.interrupt()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def close(self) -> None:
        self.end()
        if hasattr(self, "controller"):
            self.controller.close()


def described(bus: str) -> description.Robot:
    """The twin as its motors hang on a bus."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(yaml.safe_dump(_on(bus)))
        file.flush()
        return description.load(Path(file.name))


def _on(bus: str) -> dict[str, Any]:
    """The twin's description, its motors on another bus if need be."""
    described = yaml.safe_load(resource("config/robots/twin.yaml").read_text())
    if bus == "dynamixel":
        described = {"name": "twin", "bus": bus, "baud": 1_000_000, "motors": described["motors"]}
        for motor in described["motors"]:
            low, high = motor.pop("min_us"), motor.pop("max_us")
            motor |= {"channel": 1 + motor["channel"], "min_ticks": low + 500, "max_ticks": high + 500}
    return described
