"""All that goes on in a robot, on one timeline.   every topic -> [monitor] -> a viewer, a web page or a file

A process of its own, behind the robot's in the queue for the CPU. It listens without acknowledging, so that nobody waits for
it or keeps anything for it, and draws the twin itself: asked for pictures, the twin would stand still for each.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState

from lipsync_robot.msg import Audio, FaceLandmarks, MotorCommand, RobotLandmarks

from ..audio.files import FULL_SCALE
from ..audio.mel import HOP
from ..face.landmarks import POINTS, ROBOT_POINTS
from ..twin import rendering
from ..twin.camera import Camera
from ..twin.simulation import FaceSimulation
from ..vision import camera
from . import common, images
from .common import parameter
from .executor import TELLS_WHEN_SENT

SHOWS = ("viewer", "web", "file")
NICENESS = 10
# A plot wants every value, a picture is worth only its newest; whoever reads too slowly loses the oldest.
SERIES = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE)
ARROWS = ("audio", "camera/image", *common.TO_MOTION, "motor/sent")  # whose latency is shown


@dataclass
class Params:
    show: str = parameter("viewer", f"Where: {', '.join(SHOWS)}")
    web_port: int = parameter(
        9090, "Of the page, which only this machine can open; its data come through the next port", 1024, 65534
    )
    file: str = parameter("", "Recording to write, for show: file; `rerun FILE` opens it")
    memory_mb: int = parameter(512, "What viewer or server keep; then the oldest goes", 32, 65536)
    twin_rate_hz: float = parameter(10.0, "How often the twin is drawn, 20 ms each; 0 for never", 0.0, 50.0)


class MonitorNode(common.Configured):
    """`address` is that of its page; `heard` counts messages. The process has less of the CPU from then on."""

    def __init__(self) -> None:
        super().__init__("monitor")
        params = self.declare(Params)
        if params.show not in SHOWS:
            raise common.ParameterError(f"node monitor: parameter 'show' is {params.show!r}; it is one of {', '.join(SHOWS)}.")
        file = Path(params.file).absolute() if params.show == "file" else None
        if file and (not params.file or file.is_dir() or not os.access(file.parent, os.W_OK)):
            raise common.ParameterError(f"node monitor: parameter 'file' is {params.file!r}; name one in a folder of yours.")
        os.nice(NICENESS)
        from .window import Window  # which says what to do where rerun is not installed

        self._window = Window(params.show, file, params.web_port, params.memory_mb)
        self._window.name_latencies(ARROWS)
        self.heard = 0
        self._motors: list[str] = []
        self._joints: JointState | None = None
        self._portrait = self._made_ready() if params.twin_rate_hz else None
        self._said: dict[str, tuple[int, str]] = {}
        self._listen(Image, "camera/image", self._on_image, common.IMAGE)
        self._listen(Audio, "audio", self._on_audio)
        self._listen(FaceLandmarks, "human/landmarks", lambda it: self._window.human(it.points.reshape(POINTS, 3)))
        self._listen(RobotLandmarks, "robot/landmarks", lambda it: self._window.robot(it.points.reshape(ROBOT_POINTS, 2)))
        self._listen(MotorCommand, "motor/command", lambda it: self._window.motors("command", it.positions))
        self._listen(JointState, "motor/sent", lambda it: self._on_motors("sent", it))
        self._listen(JointState, "motor/measured", lambda it: self._on_motors("measured", it))
        self._listen(DiagnosticArray, "/diagnostics", self._on_diagnostics)
        if self._portrait:
            self._listen(JointState, "twin/joints", self._on_joints, common.IMAGE)
            self.create_timer(1 / params.twin_rate_hz, self._draw)
        if self.address:
            self.get_logger().info(f"shows {self.address}")

    @property
    def address(self) -> str:
        """Of the web page; empty where there is none."""
        return self._window.address

    def destroy_node(self) -> None:
        if hasattr(self, "_window"):
            self._window.close()
        super().destroy_node()

    def _listen(self, kind: type, topic: str, show: Callable[[Any], None], quality: QoSProfile = SERIES) -> None:
        latest = 0

        def on_message(message: Any, info: dict[str, int]) -> None:
            nonlocal latest
            self.heard += 1
            stamp = _nanoseconds(message.header.stamp)
            self._window.at(stamp)
            if topic in ARROWS and stamp > latest:  # a driver sends a pose until it has a new one
                self._window.latency(topic, (info["source_timestamp"] - stamp) * 1e-9)  # not how busy the monitor is
                latest = stamp
            show(message)

        def when_it_comes(message: Any) -> None:
            on_message(message, {"source_timestamp": time.time_ns()})

        self.create_subscription(kind, topic, on_message if TELLS_WHEN_SENT else when_it_comes, quality)

    def _on_image(self, message: Image) -> None:
        try:
            self._window.picture("camera", camera.jpeg(images.from_message(message)))
        except images.ImageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=10.0)

    def _on_audio(self, message: Audio) -> None:
        """The highest amplitude of every 20 ms."""
        samples, begin = np.abs(np.asarray(message.samples, float)) / FULL_SCALE, _nanoseconds(message.header.stamp)
        hops = range(0, len(samples), HOP)
        self._window.sound((begin + k * 1_000_000_000 // message.sample_rate, float(samples[k : k + HOP].max())) for k in hops)

    def _on_motors(self, which: str, message: JointState) -> None:
        if list(message.name) != self._motors:
            self._motors = list(message.name)
            self._window.name_motors(self._motors)
        self._window.motors(which, message.position)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        """What is new of this robot's nodes."""
        here = self.get_namespace().rstrip("/") + "/"
        for status in message.status:
            said = (int.from_bytes(status.level, "little"), status.message)
            if status.name.startswith(here) and self._said.get(status.name) != said:
                self._said[status.name] = said
                self._window.say(status.name, *said)

    def _on_joints(self, message: JointState) -> None:
        self._joints = message

    def _made_ready(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Before anything is heard: it takes seconds, of which all that is said would be missed."""
        refusal = rendering.refusal()
        if refusal:
            self.get_logger().warn(f"the twin is not drawn: {refusal}. `lipsync-robot doctor` tells more.")
        return None if refusal else _portrait()

    def _draw(self) -> None:
        if self._joints is None or self._portrait is None:
            return
        message, self._joints = self._joints, None
        picture = self._portrait(np.array(message.position))
        self._window.at(_nanoseconds(message.header.stamp))
        self._window.picture("twin", camera.jpeg(picture))


def _portrait() -> Callable[[np.ndarray], np.ndarray]:
    """-> what draws joints (11,) in 0..1 as a picture (240, 320, 3) uint8 RGB."""
    simulation = FaceSimulation(backlash=0.0)
    eye = Camera(simulation, 320, 240)

    def draw(positions: np.ndarray) -> np.ndarray:
        simulation.place(positions)
        return eye.picture()

    draw(simulation.positions)  # the first takes long
    return draw


def _nanoseconds(stamp: Time) -> int:
    """message stamp -> ns since the epoch."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


main = common.run(MonitorNode)
