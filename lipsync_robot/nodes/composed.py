"""The nodes of a launch file in one process and one thread: a hop between them costs a fraction of a millisecond."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rclpy
import yaml
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from .audio2landmark import Audio2LandmarkNode
from .audio_file import AudioFileNode
from .inverse_model import InverseModelNode
from .microphone import MicrophoneNode
from .motor_driver import MotorDriverNode
from .recorder import RecorderNode
from .retarget import RetargetNode
from .speaker import SpeakerNode
from .twin import TwinNode

NODES: dict[str, Callable[[], Node]] = {
    "twin": TwinNode,
    "motor_driver": MotorDriverNode,
    "inverse_model": InverseModelNode,
    "retarget": RetargetNode,
    "audio2landmark": Audio2LandmarkNode,
    "speaker": SpeakerNode,
    "microphone": MicrophoneNode,
    "audio_file": AudioFileNode,
    "recorder": RecorderNode,
}
LOCAL = {
    # No discovery leaves the machine; shared memory is passed over because a killed process leaves its locks behind.
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
}


class Composition:
    """Nodes that run together; each is reached by its name."""

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        self._executor = SingleThreadedExecutor()

    def add(self, name: str) -> None:
        node = NODES[name]()
        self.nodes[name] = node
        self._executor.add_node(node)

    def spin(self, seconds: float) -> None:
        """Serves all nodes for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        """Ends the nodes, sound first: the driver takes the face to neutral while the twin is still there."""
        for name in reversed(list(self.nodes)):
            if name == "motor_driver" and "twin" in self.nodes:
                self._go_home()
            self.nodes.pop(name).destroy_node()
        self._executor.shutdown()

    def _go_home(self) -> None:
        driver = self.nodes["motor_driver"]
        driver.go_home()
        give_up = time.monotonic() + driver.LONGEST_GOODBYE_S
        while not driver.at_home and time.monotonic() < give_up:
            self.spin(0.05)


@contextmanager
def composed(names: list[str], settings: Path, overrides: dict[str, dict[str, Any]]) -> Iterator[Composition]:
    """Starts nodes by name with the parameters of a settings file, overrides[node][parameter] over them.

    SIGINT and SIGTERM raise KeyboardInterrupt in the body; while the nodes end, both are ignored, so that nothing keeps
    the face from reaching neutral.
    """
    for key, value in LOCAL.items():
        os.environ.setdefault(key, value)
    arguments = ["--ros-args", "--params-file", str(settings), "--log-level", "warn"]
    for node, parameters in overrides.items():
        for key, value in parameters.items():
            arguments += ["-p", f"{node}:{key}:={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}"]
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    composition = Composition()
    try:
        for name in names:
            composition.add(name)
        yield composition
    finally:
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        composition.close()
        rclpy.try_shutdown()
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, before)
