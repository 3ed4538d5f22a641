"""Nodes as they run on a robot: each a process of its own, found through ROS 2."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

PROGRAMS = Path(sys.prefix) / "lib" / "lipsync_robot"


class Ear:
    """A node of the test that hears topics and speaks on them."""

    def __init__(self) -> None:
        self.node = Node("test_ear")
        self._subscriptions: list[Subscription] = []
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def hear(self, kind: type, topic: str, quality: QoSProfile | int = 100) -> list:
        """The list that all messages of the topic are appended to."""
        heard: list = []
        self._subscriptions.append(self.node.create_subscription(kind, topic, heard.append, quality))
        return heard

    def add(self, node: Node) -> None:
        """Serves another node too."""
        self._executor.add_node(node)

    def listens(self) -> bool:
        """Whether everything it wants to hear has somebody who says it."""
        return all(subscription.get_publisher_count() for subscription in self._subscriptions)

    def until(self, condition: Callable[[], object], patience_s: float = 60.0) -> bool:
        """Serves the node until the condition holds -> whether it came to hold."""
        give_up = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > give_up:
                return False
            self._executor.spin_once(timeout_sec=0.05)
        return True


@pytest.fixture
def ear() -> Iterator[Ear]:
    rclpy.init()
    yield Ear()
    rclpy.shutdown()


@pytest.fixture
def start(patient: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """start("retarget", "-p", "gain_mouth:=0.5") -> its process, with patient settings; ended after the test."""
    yield from started(patient)


@pytest.fixture
def watching(patient_eyes: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """The same with the settings of mimic.yaml."""
    yield from started(patient_eyes)


def started(file: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    running: list[subprocess.Popen] = []

    def start_node(name: str, *arguments: str) -> subprocess.Popen:
        settings = ["--params-file", str(file)]
        command = [str(PROGRAMS / name), "--ros-args", *settings, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        return process

    yield start_node
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
