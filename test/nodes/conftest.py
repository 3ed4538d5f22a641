"""Nodes as they run on a robot: each a process of its own, found through ROS 2."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rclpy
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters, SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

ACQUAINTED_S = 0.5  # two ends of a topic do not find each other in the same instant
PROGRAMS = Path(sys.prefix) / "lib" / "lipsync_robot"


class Ear:
    """A node of the test that hears topics and speaks on them."""

    def __init__(self) -> None:
        self.node = Node("test_ear")
        self._subscriptions: list[Subscription] = []
        self._listens_since: float | None = None
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
        """Whether everything it wants to hear has had somebody who says it for so long that they know of this ear, too."""
        if not all(subscription.get_publisher_count() for subscription in self._subscriptions):
            self._listens_since = None
            return False
        self._listens_since = self._listens_since or time.monotonic()
        return time.monotonic() - self._listens_since > ACQUAINTED_S

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
    ear = Ear()
    yield ear
    ear.node.destroy_node()  # the end of the context alone leaves its subscriptions in the graph that later tests see
    rclpy.shutdown()


class Settings:
    """The parameter services of one node, as a client has them."""

    def __init__(self, ear: Ear, node: str) -> None:
        self._ear, self._node = ear, node

    def set(self, **values: object) -> str:
        """Why they were refused; "" if they were not."""
        parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        results = self._ask(SetParameters, "set_parameters", SetParameters.Request(parameters=parameters)).results
        return " ".join(result.reason for result in results if not result.successful)

    def set_all_or_none(self, **values: object) -> str:
        parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        return self._ask(SetParametersAtomically, "set_parameters_atomically", request).result.reason

    def names(self) -> list[str]:
        return sorted(self._ask(ListParameters, "list_parameters", ListParameters.Request()).result.names)

    def get(self, *names: str) -> list:
        values = self._ask(GetParameters, "get_parameters", GetParameters.Request(names=names)).values
        return [parameter_value_to_python(value) for value in values]

    def describe(self, *names: str) -> list:
        return self._ask(DescribeParameters, "describe_parameters", DescribeParameters.Request(names=names)).descriptors

    def _ask(self, kind: type, service: str, request: object):
        client = self._ear.node.create_client(kind, f"{self._node}/{service}")
        assert self._ear.until(client.service_is_ready)
        answer = client.call_async(request)
        assert self._ear.until(answer.done)
        return answer.result()


@pytest.fixture
def parameters(ear: Ear) -> Callable[[str], Settings]:
    """parameters("retarget").set(gain_mouth=0.5)"""
    return lambda node: Settings(ear, node)


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
