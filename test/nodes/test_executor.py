"""What serves the nodes of a process: everything that is ready, whatever the nodes make, destroy or raise meanwhile; and what
is said among them, without detour while nobody else listens."""

import threading
from collections.abc import Callable, Iterator
from time import monotonic

import pytest
import rclpy
from rcl_interfaces.srv import GetParameters
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Int32
from std_srvs.srv import Trigger

from lipsync_robot.nodes.executor import TurnExecutor, handing_over


class Served:
    def __init__(self) -> None:
        self.node = Node("served")
        self.executor = TurnExecutor()
        self.executor.add_node(self.node)

    def says(self, topic: str, quality: QoSProfile | int = 10) -> Callable[[Int32], None]:
        return handing_over(self.node, self.node.create_publisher(Int32, topic, quality))

    def hears(self, topic: str, quality: QoSProfile | int = 10) -> list[Int32]:
        heard: list[Int32] = []
        self.node.create_subscription(Int32, topic, heard.append, quality)
        self.executor.spin_once(0.0)
        return heard

    def until(self, condition: Callable[[], object]) -> None:
        give_up = monotonic() + 60
        while not condition():
            assert monotonic() < give_up
            self.executor.spin_once(0.1)


@pytest.fixture
def served() -> Iterator[Served]:
    rclpy.init()
    served = Served()
    yield served
    served.executor.shutdown()
    served.node.destroy_node()  # or the next test's topics would have listeners that are still to be forgotten
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


def test_what_only_neighbours_hear_is_handed_to_each_as_it_is(served: Served) -> None:
    say = served.says("number")
    first, second = served.hears("number"), served.hears("number")
    message = Int32(data=7)
    say(message)
    served.executor.spin_once(0.0)
    assert first[0] is message
    assert second[0] is message


def test_every_message_is_heard_once_and_in_order_while_somebody_outside_comes_and_goes(served: Served) -> None:
    say, heard = served.says("number", 1000), served.hears("number", 1000)
    heard_outside: list[int] = []
    said = 0

    def talk(enough: Callable[[], object]) -> None:
        def once() -> object:
            nonlocal said
            while said - len(heard) < 5:  # some are always on their way
                say(Int32(data=said))
                said += 1
            outside.spin_once(0.0)
            return enough()

        served.until(once)

    context = Context()
    rclpy.init(context=context)
    try:
        outside, node = TurnExecutor(context=context), Node("outside", context=context)
        outside.add_node(node)
        for _ in range(3):
            talk(lambda: len(heard) > 30)
            heard_outside.clear()
            ear = node.create_subscription(Int32, "number", lambda message: heard_outside.append(message.data), 1000)
            talk(lambda: len(heard_outside) > 30)
            assert heard_outside == list(range(heard_outside[0], heard_outside[-1] + 1))
            node.destroy_subscription(ear)
            heard_outside.clear()
            talk(lambda until=said + 300: said > until)
            assert not heard_outside
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
    served.until(lambda: len(heard) == said)
    assert [message.data for message in heard] == list(range(said))


def test_of_more_than_its_depth_the_newest_are_heard(served: Served) -> None:
    say, heard = served.says("number", 3), served.hears("number", 3)
    for number in range(8):
        say(Int32(data=number))
    served.until(lambda: len(heard) == 3)
    served.executor.spin_once(0.0)
    assert [message.data for message in heard] == [5, 6, 7]


def test_another_thread_that_publishes_wakes_who_serves(served: Served) -> None:
    say, heard = served.says("number"), served.hears("number")
    later = threading.Timer(0.2, say, [Int32(data=7)])
    later.start()
    while not heard:
        served.executor.spin_once()  # without end, unless it is woken
    later.join()
    assert [message.data for message in heard] == [7]


def test_a_neighbour_whose_quality_does_not_fit_hears_nothing_and_one_that_was_destroyed_neither(served: Served) -> None:
    say = served.says("number", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    reliable, destroyed = (
        served.hears("number"),
        served.hears("number", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)),
    )
    say(Int32(data=7))
    served.node.destroy_subscription(list(served.node.subscriptions)[-1])
    for _ in range(10):
        served.executor.spin_once(0.01)
    assert reliable == destroyed == []


def test_a_chain_of_messages_that_never_ends_holds_up_no_fast_timer(served: Served) -> None:
    calls: list[float] = []
    say = served.says("round")
    served.node.create_subscription(Int32, "round", say, 10)
    served.node.create_timer(0.01, lambda: calls.append(monotonic()))
    served.executor.spin_once(0.0)
    say(Int32())
    served.until(lambda: len(calls) >= 5)


def test_a_chain_that_is_too_slow_for_its_messages_holds_up_neither_a_service_nor_a_timer(served: Served) -> None:
    ticks: list[float] = []
    say = served.says("round")
    served.node.create_subscription(Int32, "round", say, 10)
    served.node.create_timer(0.2, lambda: ticks.append(monotonic()))
    served.node.create_service(Trigger, "ask", lambda _, answer: Trigger.Response(message="yes"))
    asking = served.node.create_client(Trigger, "ask")
    served.until(asking.service_is_ready)
    say(Int32())
    answer = asking.call_async(Trigger.Request())
    served.until(lambda: answer.done() and len(ticks) >= 3)


def test_a_service_and_a_slow_timer_have_their_turn_however_often_something_else_is_ready(served: Served) -> None:
    served.node.create_timer(0.001, lambda: None)
    ticks: list[float] = []
    served.node.create_timer(1.0, lambda: ticks.append(monotonic()))
    served.node.create_service(Trigger, "ask", lambda _, answer: Trigger.Response(message="yes"))
    asking = served.node.create_client(Trigger, "ask")
    a_tool = served.node.create_client(GetParameters, "served/get_parameters")  # of those that may wait
    served.until(lambda: asking.service_is_ready() and a_tool.service_is_ready())
    answers = [asking.call_async(Trigger.Request()) for _ in range(3)]
    told = a_tool.call_async(GetParameters.Request(names=["use_sim_time"]))
    served.until(lambda: told.done() and all(answer.done() for answer in answers))
    assert [answer.result().message for answer in answers] == ["yes"] * 3
    assert [value.bool_value for value in told.result().values] == [False]
    served.until(lambda: len(ticks) == 2)


def test_a_service_may_wait_for_another_one_and_what_a_task_raises_ends_the_spinning(served: Served) -> None:
    async def pass_on(request: Trigger.Request, _: Trigger.Response) -> Trigger.Response:
        return await inner.call_async(request)  # type: ignore[no-any-return]

    async def fail() -> None:
        raise ValueError("no such face")

    served.node.create_service(Trigger, "inner", lambda _, answer: Trigger.Response(message="yes"))
    served.node.create_service(Trigger, "outer", pass_on)
    inner, outer = (served.node.create_client(Trigger, name) for name in ("inner", "outer"))
    served.until(lambda: inner.service_is_ready() and outer.service_is_ready())
    answer = outer.call_async(Trigger.Request())
    served.until(answer.done)
    assert answer.result().message == "yes"
    served.executor.create_task(fail)
    with pytest.raises(ValueError, match="no such face"):
        served.until(lambda: False)
