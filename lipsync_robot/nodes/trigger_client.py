"""A call of a driver's service without arguments, such as its emergency stop, from a process of its own."""

import time

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


class RefusedError(LipsyncError):
    """There is no such driver, or it could not do it."""


def call(service: str, namespace: str) -> str:
    """Calls a service of the robot in a namespace, which may be called more than once -> what it says. Raises RefusedError."""
    common.stay_local()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node, executor = Node("operator", namespace=common.namespace(namespace), use_global_arguments=False), new_executor()
        executor.add_node(node)
        client = node.create_client(Trigger, service)
        answers: list[Future] = []
        give_up = time.monotonic() + PATIENCE_S
        call_at = 0.0
        while not (answered := [answer for answer in answers if answer.done()]):
            now = time.monotonic()
            if now > give_up:
                raise RefusedError(
                    f"no driver answers (ROS domain and namespace {common.robot_id(node)}). Does the robot run, in this "
                    "ROS_DOMAIN_ID and --namespace?"
                )
            if now > call_at and client.service_is_ready():
                call_at = now + AGAIN_S
                answers.append(client.call_async(Trigger.Request()))
            executor.spin_once(0.02)
        said = answered[0].result()
        if not said.success:
            raise RefusedError(said.message)
        return str(said.message)
    finally:
        rclpy.try_shutdown()
