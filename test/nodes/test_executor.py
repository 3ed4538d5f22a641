"""What serves the nodes of a process: everything that is ready, whatever the nodes make, destroy or raise meanwhile."""

from collections.abc import Callable, Iterator
from time import monotonic

import pytest
import rclpy
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Int32

from lipsync_robot.nodes.executor import TurnExecutor


class Served:
    def __init__(self) -> None:
        self.node = Node("served")
        self.executor = TurnExecutor()
        self.executor.add_node(self.node)

    def until(self, condition: Callable[[], object]) -> None:
        give_up = monotonic() + 60
        while not condition():
            assert monotonic() < give_up
            self.executor.spin_once(0.1)


@pytest.fixture
def served() -> Iterator[Served]:
    rclpy.init()
    yield Served()
    rclpy.try_shutdown()


def test_what_a_callback_makes_is_served_from_then_on(served: Served) -> None:
    heard: list[int] = []
    said = served.node.create_publisher(Int32, "number", 10)

    def listen() -> None:
        timer.cancel()
        served.node.create_subscription(Int32, "number", lambda message: heard.append(message.data), 10)

    timer = served.node.create_timer(0.01, listen)
    served.until(said.get_subscription_count)
    for number in range(10):
        said.publish(Int32(data=number))
    served.until(lambda: len(heard) == 10)
    assert heard == list(range(10))


@pytest.mark.parametrize("end", ["cancel", "destroy"])
def test_what_a_callback_ends_is_not_called_any_more(served: Served, end: str) -> None:
    calls = []

    def call(me: int) -> Callable[[], None]:
        def act() -> None:
            calls.append(me)
            other = timers[1 - me]
            other.cancel() if end == "cancel" else served.node.destroy_timer(other)

        return act

    timers = [served.node.create_timer(0.02, call(me)) for me in (0, 1)]  # due in the same turn
    served.until(lambda: len(calls) >= 5)
    assert len(set(calls)) == 1


def test_what_a_callback_raises_ends_the_spinning(served: Served) -> None:
    def fail() -> None:
        raise ValueError("no such face")

    served.node.create_timer(0.01, fail)
    with pytest.raises(ValueError, match="no such face"):
        served.until(lambda: False)


def test_it_waits_no_longer_than_it_is_told_and_ends_with_rclpy(served: Served) -> None:
    served.executor.spin_once(0.0)
    rclpy.shutdown()
    with pytest.raises(ExternalShutdownException):
        served.executor.spin_once()


def test_two_ends_of_a_topic_that_do_not_fit_are_told_of(served: Served) -> None:
    told: list = []
    served.node.create_publisher(Int32, "number", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    served.node.create_subscription(
        Int32, "number", told.append, 1, event_callbacks=SubscriptionEventCallbacks(incompatible_qos=told.append)
    )
    served.until(lambda: told)
