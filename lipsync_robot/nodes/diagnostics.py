"""What every node tells of itself on /diagnostics once a second, if somebody listens: how often it speaks, how old that is by
then, what is wrong.

`lipsync-robot status` shows it (nodes/robot_status.py hears it). The hot path pays for one entry in a ring.
"""

import functools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

TOPIC = "/diagnostics"  # of all robots, as ROS 2 has it: the name of an entry is its node's, with the namespace
DEPTH = 10
EVERY_S = 1.0
WINDOW_S = 5.0  # that rates and ages are of
REMEMBERED = 2048  # messages: the window at 400 Hz
PERCENTILES = (50, 95, 99)


class Condition(NamedTuple):
    """How a node stands, in its own words."""

    wrong: Sequence[str] = ()  # why it cannot do its work: an error
    doubtful: Sequence[str] = ()  # what it does without: a warning
    well: str = ""  # said where there is neither; by default whether anything is heard or sent
    figures: Mapping[str, float | str] = {}  # beside, or instead of, the rate and ages that all nodes tell
    hardware: str = ""


class Flow:
    """The messages of one topic that pass through a node."""

    def __init__(self, topic: str, sent: bool) -> None:
        self.topic, self.sent = topic, sent
        self.count = 0
        self._late: deque[tuple[float, float | None]] = deque(maxlen=REMEMBERED)  # (moment, age), s

    def passes(self, message: Any, now: float) -> None:
        """At this moment, s since the epoch. A message without a header has no age."""
        self.count += 1
        header = getattr(message, "header", None)
        self._late.append((now, now - header.stamp.sec - header.stamp.nanosec * 1e-9 if header else None))

    def figures(self, now: float) -> dict[str, float]:
        """Messages a second, and percentiles of their age when they passed, over the last WINDOW_S before now (s)."""
        late = [(moment, age) for moment, age in list(self._late) if now - moment <= WINDOW_S]
        ages = [age for _, age in late if age is not None]
        figures = {"rate_hz": len(late) / WINDOW_S}
        if ages:
            found = np.percentile(1000 * np.array(ages), PERCENTILES)
            figures |= {f"latency_p{p}_ms": float(each) for p, each in zip(PERCENTILES, found, strict=True)}
        return figures


class Diagnostics:
    """Counts what a node hears and sends, and publishes its entry, whose rate and ages are those of what it sends first.

    A node that sends nothing tells those of what it hears.
    """

    def __init__(self, node: Node, condition: Callable[[], Condition]) -> None:
        self._node, self._condition = node, condition
        self._flows: list[Flow] = []
        self._main: Flow | None = None  # whose rate and ages are told
        self._publisher = node.create_publisher(DiagnosticArray, TOPIC, DEPTH)
        node.create_timer(EVERY_S, self._tell)

    def counted(self, topic: str, sent: bool, act: Callable[..., Any]) -> Callable[..., Any]:
        """act, which publishes or hears a message of this topic, with the message counted first."""
        flow = Flow(topic, sent)
        self._flows.append(flow)
        self._main = next((each for each in self._flows if each.sent), self._flows[0])

        @functools.wraps(act)  # by whose signature rclpy knows whether it wants to hear how a message came
        def counting(message: Any, *info: Any) -> Any:
            if flow is self._main:
                flow.passes(message, time.time())
            else:  # of which nothing else is told
                flow.count += 1
            return act(message, *info)

        return counting

    def _tell(self) -> None:
        if not self._publisher.get_subscription_count():  # what nobody hears costs a millisecond all the same
            return
        told = self._condition()
        figures: dict[str, float | str] = {}
        if self._main:
            figures |= self._main.figures(time.time())
        figures |= told.figures
        figures |= {f"{'sent' if flow.sent else 'heard'} {flow.topic}": flow.count for flow in self._flows}
        level = DiagnosticStatus.ERROR if told.wrong else DiagnosticStatus.WARN if told.doubtful else DiagnosticStatus.OK
        status = DiagnosticStatus(
            level=level,
            name=self._node.get_fully_qualified_name(),
            message="; ".join([*told.wrong, *told.doubtful]) or told.well or _usual(self._main, figures),
            hardware_id=told.hardware,
            values=[KeyValue(key=key, value=each if isinstance(each, str) else f"{each:g}") for key, each in figures.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def _usual(main: Flow | None, figures: Mapping[str, float | str]) -> str:
    if main is None or figures["rate_hz"]:
        return "working"
    return f"no {main.topic} to {'send' if main.sent else 'hear'}"
