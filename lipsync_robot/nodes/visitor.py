"""A program that visits a running robot from a terminal: a node of its own, for as long as it stays, and calls of services."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_srvs.srv import Trigger

from ..errors import LipsyncError
from . import common
from .executor import new_executor

PATIENCE_S = 10.0  # for a driver to be found, and to answer
AGAIN_S = 0.5  # an answer to somebody whom the driver does not know yet is lost: what is asked for may be asked for twice


class NoRobotError(LipsyncError):
    """Nobody who could do it is running, or not any more, or it is refused."""


class Visitor:
    """A node that hears only while it is spun."""

    def __init__(self, name: str, namespace: str) -> None:
        """namespace: of the robot. Raises BadInputError."""
        self.node = Node(name, namespace=common.namespace(namespace), use_global_arguments=False)
        self._executor = new_executor()
        self._executor.add_node(self.node)

    def spin(self, seconds: float) -> None:
        """Serves the connection for so long, or until something has come."""
        self._executor.spin_once(timeout_sec=seconds)

    def until(self, condition: Callable[[], object], patience_s: float) -> bool:
        """Serves it until the condition holds -> whether it came to hold."""
        give_up = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > give_up:
                return False
            self.spin(0.02)
        return True

    def close(self) -> None:
        self._executor.shutdown()
        with common.at_most(common.FORGOTTEN_S):
            self.node.destroy_node()


V = TypeVar("V", bound=Visitor)


@contextmanager
def visiting(arrive: Callable[[], V]) -> Iterator[V]:
    """A visitor in a process that has no ROS 2 yet. Raises as arrive, which makes it, does."""
    common.stay_local()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        visitor = arrive()
        try:
            yield visitor
        finally:
            visitor.close()
    finally:
        rclpy.try_shutdown()


def call(service: str, namespace: str) -> str:
    """Calls a driver's service without arguments, which may be called more than once -> what it says. Raises NoRobotError."""
    with visiting(lambda: Visitor("operator", namespace)) as visitor:
        client = visitor.node.create_client(Trigger, service)
        answers: list[Future] = []

        def answered() -> bool:
            return any(answer.done() for answer in answers)

        give_up = time.monotonic() + PATIENCE_S
        while not answered() and time.monotonic() < give_up:
            if client.service_is_ready():
                answers.append(client.call_async(Trigger.Request()))
            visitor.until(answered, AGAIN_S)
        said = next((answer.result() for answer in answers if answer.done()), None)
        if said is None:
            raise NoRobotError(
                f"no driver answers (ROS domain and namespace {common.robot_id(visitor.node)}). Does the robot run, in this "
                "ROS_DOMAIN_ID and --namespace?"
            )
        if not said.success:
            raise NoRobotError(said.message)
        return str(said.message)
