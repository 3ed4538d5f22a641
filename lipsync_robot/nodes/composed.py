"""The nodes of a launch file in one process and one thread: a hop between them costs a fraction of a millisecond."""

import importlib
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from .. import settings
from . import common

TURN_S = 0.02  # that nothing happens until it is looked whether there is something else to do

NODES = {
    "twin": "TwinNode",
    "motor_driver": "MotorDriverNode",
    "inverse_model": "InverseModelNode",
    "retarget": "RetargetNode",
    "audio2landmark": "Audio2LandmarkNode",
    "speaker": "SpeakerNode",
    "microphone": "MicrophoneNode",
    "audio_file": "AudioFileNode",
    "camera": "CameraNode",
    "face_landmarks": "FaceLandmarksNode",
    "recorder": "RecorderNode",
    "witness": "WitnessNode",
}


class Composition:
    """Nodes that run together; each is reached by its name. `add` and `spin` raise KeyboardInterrupt after a signal.

    Raised where the signal finds the process, it would be inside rclpy at times, which makes another error of it.
    """

    def __init__(self, signals: Sequence[int]) -> None:
        """signals: those that have come, as they come."""
        self._signals = signals
        self.nodes: dict[str, Any] = {}
        self._executor = SingleThreadedExecutor()

    def add(self, name: str, kind: Callable[[], Node]) -> None:
        node = kind()
        self.nodes[name] = node
        self._executor.add_node(node)
        self._heed()

    def spin(self, seconds: float) -> None:
        """Serves all nodes for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            # Always the same time-out: rclpy serves all that one wait found only then. With another each time it waits anew
            # after the first, which on a busy machine is ever the first node's timer.
            self._executor.spin_once(timeout_sec=TURN_S)
            self._heed()

    def close(self) -> None:
        """Ends all nodes, the last one first, whatever one of them does: the driver goes home while the twin still follows."""
        with ExitStack() as ends:
            ends.callback(self._executor.shutdown)
            for node in self.nodes.values():
                ends.callback(node.destroy_node)

    def _heed(self) -> None:
        if self._signals:
            raise KeyboardInterrupt


@contextmanager
def composed(names: list[str], file: Path, overrides: dict[str, dict[str, Any]]) -> Iterator[Composition]:
    """Starts nodes by name with the parameters of a settings file, overrides[node][parameter] over them.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt where the body spins; while the nodes end all are ignored: nothing may
    keep the face from reaching neutral. Raises settings.SettingsError for a file that is no YAML.
    """
    common.stay_local()
    # Only those: who speaks needs no FaceMesh. And all of them now: it takes seconds, in which a driver would wait.
    kinds = {name: getattr(importlib.import_module(f".{name}", __package__), NODES[name]) for name in names}
    settings.read(file)  # says what is wrong in a sentence, which rclpy does not
    arguments = ["--ros-args", "--params-file", str(file), "--log-level", "warn"]
    for node, parameters in overrides.items():
        for key, value in parameters.items():
            arguments += ["-p", f"{node}:{key}:={json.dumps(value, ensure_ascii=False)}"]
    before = {ending: signal.getsignal(ending) for ending in common.ENDINGS}
    composition = None
    try:
        signals: list[int] = []
        for ending, handler in before.items():
            if handler is not signal.SIG_IGN:  # as nohup wants it
                signal.signal(ending, lambda number, _: signals.append(number))
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
        composition = Composition(signals)
        for name, kind in kinds.items():
            composition.add(name, kind)
        yield composition
    finally:
        for ending in common.ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        try:
            if composition is not None:
                composition.close()
        finally:
            rclpy.try_shutdown()
            for ending, handler in before.items():
                signal.signal(ending, handler)
