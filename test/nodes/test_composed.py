"""Many nodes in one thread: all that is due is served, however much of it there is."""

import time

import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger

from lipsync_robot.nodes.composed import Composition


class Busy(Node):
    """Its timer is due again before it has done what was due before, and yet it is to answer."""

    def __init__(self) -> None:
        super().__init__("busy")
        self.create_timer(0.001, lambda: time.sleep(0.003))
        self.create_service(Trigger, "ask", lambda _, response: response)
        self.client = self.create_client(Trigger, "ask")


def test_a_timer_that_is_always_due_lets_others_have_their_turn() -> None:
    rclpy.init()
    composition = Composition([])
    try:
        composition.add("busy", Busy)
        client = composition.nodes["busy"].client
        give_up = time.monotonic() + 60
        while not client.service_is_ready() and time.monotonic() < give_up:
            composition.spin(0.05)
        answer = client.call_async(Trigger.Request())
        while not answer.done() and time.monotonic() < give_up:
            composition.spin(1.0)
        assert answer.done()
    finally:
        composition.close()
        rclpy.shutdown()
