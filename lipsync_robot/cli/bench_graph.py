"""The running graph, measured from outside: by what is heard of it, with the moments at which it was published.

Everything runs in real time, each node a process or all in one, in front of a virtual servo controller on a pty. A pose's age
counts from its sound, less the look-ahead: from the last sample that it was made of. Unless a plan says otherwise, motion is
sent as soon as it is known (playback_delay_s 0), so that what is measured is work, and not the wait for the sound to be heard.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
import yaml
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState

from ..audio import files
from ..audio.mel import FRAME_RATE, SAMPLE_RATE
from ..errors import LipsyncError
from ..motors import description
from ..nodes import common
from ..nodes.executor import new_executor
from ..nodes.topics import ARROWS
from ..resources import resource
from ..twin.controlled import VirtualController

CHAIN = ("motor_driver", "inverse_model", "retarget", "audio2landmark", "speaker", "audio_file")
STAGES = ("audio", "human/landmarks", "robot/landmarks", "motor/command", "motor/sent")
SETTLED_S = 3.0  # after the first motion
PATIENCE_S = 60.0
LOOK_S = 0.01  # at the servos, before they move: ROS 2 takes up to a second more until a motion is heard of outside
MOVED = 0.01  # of the range, from neutral
PERIOD_S = 1 / FRAME_RATE
PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "p999": 99.9, "max": 100}


class BenchError(LipsyncError):
    """The graph did not do what was to be measured."""


class Plan(NamedTuple):
    """What is to run."""

    composed: bool = True
    faces: int = 1  # robots that speak at once, each a process, and composed
    twin: bool = False  # with the twin's physics, instead of a bare virtual controller
    executor: str = "TurnExecutor"  # that serves the composed nodes
    at_once: bool = True  # send motion as soon as it is known, and not when its sound is heard
    stages: bool = False  # hear every arrow, not only what is sent: costs each node one more listener


class Heard:
    """When each pose was first published on each topic: {topic: {stamp in ns: moment in ns}}, both since the epoch."""

    def __init__(self, node: Node, namespace: str, topics: tuple[str, ...], neutral: np.ndarray) -> None:
        self.first: dict[str, dict[int, int]] = {topic: {} for topic in topics}
        self.moved: float | None = None  # s since the epoch, when it was first heard of, or seen at the servos before
        self._neutral = neutral
        for topic in topics:
            arrow = ARROWS[topic]
            node.create_subscription(arrow.message, f"{namespace}/{topic}", self._listener(topic), arrow.quality)

    def _listener(self, topic: str) -> Any:
        first = self.first[topic]

        def hear(message: Any, info: dict[str, Any]) -> None:
            stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            first.setdefault(stamp, info["source_timestamp"])
            begins = self.moved is None and isinstance(message, JointState)
            if begins and np.abs(np.array(message.position) - self._neutral).max() > MOVED:
                self.moved = info["source_timestamp"] * 1e-9

        return hear


def measure(plan: Plan, seconds: float, lookahead_s: float) -> dict[str, Any]:
    """One run -> its figures. Raises BenchError."""
    common.stay_local()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        robot = description.load(resource("config/robots/twin.yaml"))
        node, executor = Node("bench"), new_executor()
        executor.add_node(node)
        topics = STAGES if plan.stages else STAGES[-1:]
        heard = [Heard(node, namespace, topics, robot.neutral) for namespace in namespaces(plan)]
        with running(plan) as (began, processes, boards):

            def listen(until: float) -> None:
                while (left := until - time.monotonic()) > 0:
                    executor.spin_once(left)
                must_live(processes)

            give_up = time.monotonic() + PATIENCE_S
            while any(face.moved is None for face in heard):
                if time.monotonic() > give_up:
                    raise BenchError(f"the robot did not move within {PATIENCE_S:.0f} s of being started.")
                listen(time.monotonic() + LOOK_S)
                for face, board in zip(heard, boards, strict=False):
                    if face.moved is None and np.abs(board.positions() - robot.neutral).max() > MOVED:
                        face.moved = time.time()
            listen(time.monotonic() + SETTLED_S)
            start = time.time()
            listen(time.monotonic() + seconds)
            end = time.time()
            for subscription in list(node.subscriptions):  # what it costs to be measured is no cost of the robot's
                node.destroy_subscription(subscription)
            cost, memory = spent(processes, seconds / 2)
        executor.shutdown()
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    held_s = 0.0 if plan.at_once else max(0.0, playback_delay_s() - robot.servo_lag_s - lookahead_s)
    figures = worst([timing(face.first["motor/sent"], start, end, lookahead_s, held_s) for face in heard]) | {
        "cpu_percent_of_one_core": sum(cost.values()),
        "rss_mb": sum(memory.values()),
        "first_motion_s": max(face.moved or end for face in heard) - began,
    }
    if not plan.composed:
        figures["nodes"] = {name: {"cpu_percent_of_one_core": cost[name], "rss_mb": memory[name]} for name in processes}
    if plan.stages:
        figures["stages_ms"] = stages(heard[0].first, start, end, lookahead_s)
    return figures


def spent(processes: dict[str, subprocess.Popen], seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """-> of each process what it uses of a core, %, from half a second from now on, and its memory then, MB."""
    time.sleep(0.5)
    used, began = {name: cpu_s(process.pid) for name, process in processes.items()}, time.monotonic()
    time.sleep(seconds)
    must_live(processes)
    passed = time.monotonic() - began
    cost = {name: 100 * (cpu_s(process.pid) - used[name]) / passed for name, process in processes.items()}
    return cost, {name: rss_mb(process.pid) for name, process in processes.items()}


def must_live(processes: dict[str, subprocess.Popen]) -> None:
    """Raises BenchError if one is not."""
    dead = [name for name, process in processes.items() if process.poll() is not None]
    if dead:
        raise BenchError(f"{', '.join(dead)} has died.")


def namespaces(plan: Plan) -> list[str]:
    return [f"/face_{i}" for i in range(plan.faces)] if plan.faces > 1 else [""]


def worst(faces: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of time of several faces: the largest of each kind, and the sum of what was counted."""
    late = {name: max(face["latency_ms"][name] for face in faces) for name in PERCENTILES}
    counts = {name: sum(face[name] for face in faces) for name in ("missed_deadlines", "poses")}
    return {"latency_ms": late, "jitter_ms": max(face["jitter_ms"] for face in faces)} | counts


def timing(sent: dict[int, int], start: float, end: float, lookahead_s: float, held_s: float) -> dict[str, Any]:
    """When poses were first sent, by their stamps, both in ns; of those between start and end, s -> the figures of time.

    held_s: that poses are held back on purpose; one that is sent a period after that has missed its deadline. What the guard
    sends of its own accord bears the moment itself, and is no pose.
    """
    poses = [(stamp, moment) for stamp, moment in sorted(sent.items()) if moment - stamp > lookahead_s * 0.9e9]
    poses = [(stamp, moment) for stamp, moment in poses if start <= moment * 1e-9 < end]
    if len(poses) < 2:
        raise BenchError("hardly anything was sent.")
    late = np.array([(moment - stamp) * 1e-6 - 1000 * lookahead_s for stamp, moment in poses])
    apart = np.array([(after[1] - before[1]) * 1e-6 for before, after in pairwise(poses) if after[0] - before[0] < 3e7])
    expected = round((poses[-1][0] - poses[0][0]) * 1e-9 / PERIOD_S) + 1
    return {
        "latency_ms": {name: float(np.percentile(late, share)) for name, share in PERCENTILES.items()},
        "jitter_ms": float(np.percentile(np.abs(apart - 1000 * PERIOD_S), 99)),
        "missed_deadlines": int(expected - len(poses) + (late > 1000 * (held_s + PERIOD_S)).sum()),
        "poses": len(poses),
    }


def stages(first: dict[str, dict[int, int]], start: float, end: float, lookahead_s: float) -> dict[str, dict[str, float]]:
    """-> of each stage, ms from the one before (of the first, from the moment of its last sample) to when it published."""
    last_sample = round((lookahead_s - PERIOD_S) * 1e9)  # from a pose's stamp to that of the block that completes it
    blocks, rows = np.array(sorted(first["audio"])), []
    for stamp in first["motor/sent"]:
        block = blocks[np.argmin(np.abs(blocks - (stamp + last_sample)))]
        moments = [first["audio"][block]] + [first[stage].get(stamp, 0) for stage in STAGES[1:]]
        if all(moments) and start <= moments[-1] * 1e-9 < end:
            rows.append([stamp + lookahead_s * 1e9, *moments])
    took = np.diff(np.array(rows, float), axis=1) * 1e-6
    return {
        stage: {name: float(np.percentile(column, share)) for name, share in PERCENTILES.items()}
        for stage, column in zip(STAGES, took.T, strict=True)
    }


@contextmanager
def running(plan: Plan) -> Iterator[tuple[float, dict[str, subprocess.Popen], list[VirtualController]]]:
    """The graph, from its launch -> when that was, s since the epoch, its processes by name, and the faces' servo controllers,
    none where the twin has its own."""
    robot = resource("config/robots/twin.yaml")
    with tempfile.TemporaryDirectory(prefix="lipsync-bench-") as folder, ExitStack() as ends:
        speech = str(long_speech(Path(folder) / "speech.wav"))
        lines: dict[str, list[str]] = {}
        boards: list[VirtualController] = []
        for i, namespace in enumerate(namespaces(plan)):
            overrides: dict[str, dict[str, Any]] = {
                "motor_driver": {"playback_delay_s": 0.0} if plan.at_once else {},
                "inverse_model": {"lifetime_s": 2.0},  # the late, too, are to be sent: to be counted
                "audio_file": {"file": speech},
            }
            if not plan.twin:
                port = Path(folder) / f"port_{i}"
                boards.append(VirtualController(robot, port))
                ends.callback(boards[-1].close)
                overrides["motor_driver"]["port"] = str(port)
            lines |= commands(plan, namespace, ["twin"] * plan.twin + [*CHAIN], overrides)
        processes: dict[str, subprocess.Popen] = {}
        ends.callback(_end, processes)
        began = time.time()
        for name, line in lines.items():
            processes[name] = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield began, processes, boards


def _end(processes: dict[str, subprocess.Popen]) -> None:
    for process in processes.values():
        process.send_signal(signal.SIGINT)
    for process in processes.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def commands(plan: Plan, namespace: str, names: list[str], overrides: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The command lines of one robot's processes, by name."""
    if plan.composed:
        given = {"names": names, "overrides": overrides, "namespace": namespace, "executor": plan.executor}
        return {f"composed{namespace}": [sys.executable, "-m", f"{__package__}.bench_chain", json.dumps(given)]}
    settings = str(resource("config/speak.yaml"))
    lines = {}
    for name in names:
        start = f"from lipsync_robot.nodes.{name} import main; main()"
        lines[name] = [sys.executable, "-c", start, "--ros-args", "--log-level", "fatal", "--params-file", settings]
        for key, value in overrides.get(name, {}).items():
            lines[name] += ["-p", f"{name}:{key}:={json.dumps(value)}"]
    return lines


def playback_delay_s() -> float:
    """As shipped."""
    settings = yaml.safe_load(resource("config/speak.yaml").read_text())
    return float(settings["/**"]["ros__parameters"]["playback_delay_s"])


def long_speech(path: Path, minutes: float = 10.0) -> Path:
    """The package's recording, said again and again."""
    said = np.rint(files.read(resource("samples/avonlea.opus")) * (files.FULL_SCALE - 1)).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        for _ in range(round(minutes * 60 * SAMPLE_RATE / len(said))):
            file.writeframes(said.tobytes())
    return path


def cpu_s(process: int) -> float:
    """What a process has used of a core so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(process: int) -> float:
    """Its resident memory now."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
