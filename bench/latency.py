"""How soon a command is on the wire, and how soon an emergency stop ends all motion: a genuine driver on a pty."""

import array
import time
from itertools import pairwise
from typing import Any

import numpy as np
import rclpy
from lipsync_robot.msg import MotorCommand
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from robot import Bench
from std_srvs.srv import Trigger

from lipsync_robot.nodes import common

COMMANDS, RATE_HZ = 3000, 50.0
STOPS = 200
STEP = 0.01  # of the range, from one command to the next: told apart on the wire, and slow enough for frames 2 ms apart
WARM_S = 3.0
WATCHED_S = 0.15  # after a stop; then it is taken back


def run(bus: str) -> dict[str, Any]:
    bench = Bench(bus)
    rclpy.init()
    try:
        hand = Hand(bench)
        asked = [hand.open_jaw() for _ in range(COMMANDS)]
        stops = [hand.stop() for _ in range(STOPS)]
        time.sleep(1.0)  # the log is written
    finally:
        bench.close()
        rclpy.shutdown()
    wire = [(event["t"], np.array(event["wire"], float)) for event in bench.events("wire")]
    reached = _reached(asked, [(when, float(bench.robot.positions(frame)[hand.jaw])) for when, frame in wire])
    stopped = [_moved_on(began, wire) for began in stops]
    return {
        "commands": len(asked),
        "never on the wire": len(asked) - len(reached),
        "command to wire, ms": _spread(reached),
        "emergency stops": len(stops),
        "stop to the last moving frame, ms": _spread(stopped),
        "broken": len(reached) < len(asked),
    }


class Hand:
    """Commands the driver of a bench, at a steady rate."""

    def __init__(self, bench: Bench) -> None:
        self.jaw = bench.robot.names.index("jaw")
        self._neutral = bench.robot.neutral
        self._node = Node("bench")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._commands = self._node.create_publisher(MotorCommand, "motor/command", 10)
        self._stop = self._node.create_client(Trigger, "motor/emergency_stop")
        self._reset = self._node.create_client(Trigger, "motor/reset")
        bench.start("motor_driver", playback_delay_s=0.0)
        while not (
            self._commands.get_subscription_count() and self._stop.service_is_ready() and self._reset.service_is_ready()
        ):
            self._executor.spin_once(timeout_sec=0.1)
        time.sleep(WARM_S)
        self._next = time.monotonic()
        self._to, self._step = float(self._neutral[self.jaw]), STEP

    def open_jaw(self) -> tuple[float, float]:
        """Asks for the next place of the jaw, which swings to and fro, at the next moment -> (when, where)."""
        if not 0.0 < self._to + self._step < 0.9:
            self._step = -self._step
        self._to += self._step
        positions = self._neutral.copy()
        positions[self.jaw] = self._to
        message = MotorCommand(positions=array.array("f", positions))
        message.lifetime.nanosec = 250_000_000
        self._next += 1 / RATE_HZ
        time.sleep(max(0.0, self._next - time.monotonic()))
        message.header.stamp = common.to_stamp(time.time())
        when = time.monotonic()
        self._commands.publish(message)
        return when, self._to

    def stop(self) -> float:
        """Stops the jaw in mid-swing, at any moment between two commands, then lets it go on -> when it was told."""
        for _ in range(20):
            self.open_jaw()
        time.sleep(float(self._random.uniform(0, 1 / RATE_HZ)))
        when = time.monotonic()
        stopped = self._stop.call_async(Trigger.Request())
        for _ in range(10):
            self.open_jaw()
        self._executor.spin_until_future_complete(stopped, timeout_sec=5.0)
        self._executor.spin_until_future_complete(self._reset.call_async(Trigger.Request()), timeout_sec=5.0)
        return when

    _random = np.random.default_rng(0)


def _reached(asked: list[tuple[float, float]], wire: list[tuple[float, float]]) -> list[float]:
    """-> seconds from each command to the first frame that holds it, of those that got there before their time was over."""
    took, at = [], 0
    for when, where in asked:
        while at < len(wire) and wire[at][0] < when:
            at += 1
        held = next((then for then, jaw in wire[at : at + 100] if abs(jaw - where) < STEP / 8), None)
        if held is not None and held - when < 0.25:
            took.append(held - when)
    return took


def _moved_on(began: float, wire: list[tuple[float, np.ndarray]]) -> float:
    """-> seconds from an emergency stop to the last frame that still moved a servo, 0 if none did."""
    frames = [(when, frame) for when, frame in wire if began - 0.05 < when < began + WATCHED_S]
    moving = [when for (_, before), (when, frame) in pairwise(frames) if (frame != before).any()]
    return max(0.0, max(moving, default=began) - began)


def _spread(seconds: list[float]) -> dict[str, float]:
    names = ("p50", "p95", "p99", "p99.9", "max")
    values = np.percentile(1000 * np.array(seconds), [50, 95, 99, 99.9, 100])
    return dict(zip(names, values.round(2).tolist(), strict=True))
