"""How the nodes of running robots stand: what they tell on /diagnostics, kept until they tell something newer."""

import time
from typing import Literal, NamedTuple

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context

from . import common, diagnostics
from .executor import new_executor

State = Literal["ok", "warning", "error", "silent"]
STATES: dict[bytes, State] = {DiagnosticStatus.OK: "ok", DiagnosticStatus.WARN: "warning"}
SILENT_S = 3 * diagnostics.EVERY_S


class Report(NamedTuple):
    node: str  # with its namespace
    state: State
    says: str
    hardware: str
    figures: dict[str, str]


class RobotStatus:
    """Listens until it is closed."""

    def __init__(self, namespace: str = "") -> None:
        """namespace: of one robot; "" for all."""
        common.stay_local()
        self._prefix = f"/{namespace.strip('/')}/" if namespace.strip("/") else "/"
        self._heard: dict[str, tuple[float, Report]] = {}
        self._context = Context()
        rclpy.init(context=self._context)
        node = rclpy.create_node("lipsync_robot_status", context=self._context)
        node.create_subscription(DiagnosticArray, diagnostics.TOPIC, self._on_diagnostics, diagnostics.DEPTH)
        self._executor = new_executor(context=self._context)
        self._executor.add_node(node)

    def listen(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._executor.spin_once(common.HEED_S)

    def reports(self) -> list[Report]:
        """The last of each node, by name; of one that has told nothing for SILENT_S, that it is silent."""
        now = time.monotonic()
        return [
            report._replace(state="silent", says=f"silent for {now - when:.0f} s") if now - when > SILENT_S else report
            for when, report in (self._heard[node] for node in sorted(self._heard))
        ]

    def close(self) -> None:
        self._context.try_shutdown()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(self._prefix):  # other packages' entries do not begin with a slash
                figures = {value.key: value.value for value in status.values}
                report = Report(status.name, STATES.get(status.level, "error"), status.message, status.hardware_id, figures)
                self._heard[status.name] = time.monotonic(), report
