"""Many nodes in one thread: each is served, however much one of them has to do."""

import time

import rclpy
from rclpy.node import Node
from std_srvs.srv import Trigger

from lipsync_robot.nodes.composed import Composition


class Busy(Node):
    """Its timer is due again before it has done what was due before."""

    def __init__(self) -> None:
        super().__init__("busy")
        self.create_timer(0.001, lambda: time.sleep(0.003))


class Patient(Node):
    """Waits for a request, behind it."""

    def __init__(self) -> None:
        super().__init__("patient")
        self.asked = 0
        self.create_service(Trigger, "ask", self._answer)

    def _answer(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.asked += 1
        return response


def test_a_node_that_is_never_done_lets_the_others_have_their_turn() -> None:
    rclpy.init()
    composition = Composition([])
    try:
        composition.add("busy", Busy)
        composition.add("patient", Patient)
        client = composition.nodes["busy"].create_client(Trigger, "ask")
        give_up = time.monotonic() + 60
        while not client.service_is_ready() and time.monotonic() < give_up:
            composition.spin(0.05)
        answers = [client.call_async(Trigger.Request()) for _ in range(10)]
        while not all(answer.done() for answer in answers) and time.monotonic() < give_up:
            composition.spin(0.05)
        assert composition.nodes["patient"].asked == 10
    finally:
        composition.close()
        rclpy.shutdown()
