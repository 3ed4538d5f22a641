"""The nodes of a launch file in one process and one thread: a hop between them costs a fraction of a millisecond."""

import importlib
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import rclpy
import yaml
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from .. import settings
from . import common
from .executor import new_executor

NODES = {
    "twin": "TwinNode",
    "motor_driver": "MotorDriverNode",
    "inverse_model": "InverseModelNode",
    "retarget": "RetargetNode",
    "audio2landmark": "Audio2LandmarkNode",
    "speaker": "SpeakerNode",
    "microphone": "MicrophoneNode",
    "audio_file": "AudioFileNode",
    "say": "SayNode",
    "camera": "CameraNode",
    "face_landmarks": "FaceLandmarksNode",
    "predictor": "PredictorNode",
    "bag_player": "BagPlayerNode",
    "bag_recorder": "BagRecorderNode",
    "recorder": "RecorderNode",
    "witness": "WitnessNode",
    "monitor": "MonitorNode",
    "recogniser": "RecogniserNode",
}


class Composition:
    """Nodes that run together; each is reached by its name. `add` and `spin` raise KeyboardInterrupt after a signal."""

    def __init__(self, asked: Sequence[int], executor: Callable[[], Executor] = new_executor) -> None:
        """asked: signals to end, as they come."""
        self._asked = asked
        self.nodes: dict[str, Any] = {}
        self._executor = executor()

    def add(self, name: str, kind: Callable[[], Node]) -> None:
        node = kind()
        self.nodes[name] = node
        self._executor.add_node(node)
        self.heed()

    def spin(self, seconds: float) -> None:
        """Serves all nodes for so long, and at rest at most common.HEED_S longer."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._executor.spin_once(common.HEED_S)
            self.heed()

    def heed(self) -> None:
        """Raises KeyboardInterrupt if a signal came: for who works without spinning."""
        if self._asked:
            raise KeyboardInterrupt

    def close(self) -> None:
        """Ends all nodes, the last one first, whatever one of them does: the driver goes home while the twin still follows."""
        with ExitStack() as ends:
            ends.callback(self._executor.shutdown)
            for node in self.nodes.values():
                ends.callback(node.destroy_node)


@contextmanager
def composed(
    names: list[str],
    file: Path,
    overrides: dict[str, dict[str, Any]],
    remappings: Mapping[str, tuple[str, str]] = {},
    namespace: str = "",
    executor: Callable[[], Executor] = new_executor,
) -> Iterator[Composition]:
    """Starts nodes by name with the parameters of a settings file, overrides[node][parameter] over them.

    remappings: of a node, the topic that it knows and the one that it gets instead; namespace: of all names and topics.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt where the body spins. Raises settings.SettingsError for a file that does
    not hold settings of nodes that there are.
    """
    common.stay_local()
    # Only those: who speaks needs no FaceMesh. And all of them now: it takes seconds, in which a driver would wait.
    kinds = {name: getattr(importlib.import_module(f".{name}", __package__), NODES[name]) for name in names}
    settings.check_nodes(file, NODES)
    arguments = ["--ros-args", "--params-file", str(file), "--log-level", "warn", "-r", f"__ns:={common.namespace(namespace)}"]
    for node, (known, instead) in remappings.items():
        arguments += ["-r", f"{node}:{known}:={instead}"]
    sections = {f"/**/{node}": {settings.PARAMETERS: parameters} for node, parameters in overrides.items()}
    with common.endings() as asked:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as over:  # `-p node:key:=value` knows no namespace
            yaml.safe_dump(sections, over, allow_unicode=True)
            over.flush()
            rclpy.init(args=[*arguments, "--params-file", over.name], signal_handler_options=SignalHandlerOptions.NO)
        composition = Composition(asked, executor)
        try:
            for name, kind in kinds.items():
                composition.add(name, kind)
            common.settle()
            yield composition
        finally:
            try:
                composition.close()
            finally:
                rclpy.try_shutdown()
