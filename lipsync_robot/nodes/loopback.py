"""Does a message of ours cross from one participant to another on this machine? Every hop between processes rests on it."""

import time

import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor

from lipsync_robot.msg import MotorCommand

from . import common

TOPIC = "lipsync_robot_doctor"
REPEAT_S = 0.05


def heard_after(patience_s: float) -> float | None:
    """Seconds until a message from one context was heard in another, discovery included; None if it was not in time."""
    common.stay_local()
    here, there = Context(), Context()  # within one, a message would meet no network
    began = time.monotonic()
    heard: list[float] = []
    try:
        for context in (here, there):
            rclpy.init(context=context)
        speaker = rclpy.create_node("doctor_speaks", context=here)
        listener = rclpy.create_node("doctor_listens", context=there)
        publisher = speaker.create_publisher(MotorCommand, TOPIC, common.MOTION)
        listener.create_subscription(MotorCommand, TOPIC, lambda _: heard.append(time.monotonic() - began), common.MOTION)
        executor = SingleThreadedExecutor(context=there)
        executor.add_node(listener)
        while not heard and time.monotonic() - began < patience_s:
            publisher.publish(MotorCommand())
            executor.spin_once(timeout_sec=REPEAT_S)
    finally:
        for context in (here, there):
            context.try_shutdown()
    return heard[0] if heard else None
