"""The emergency stop is heard whatever its driver is busy with: going home, opening a port, or other nodes of its process."""

import contextlib
import threading
from collections.abc import Callable

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from std_srvs.srv import Trigger

HELD = (
    "frozen until motor/reset. Cut the servos' power before you end the driver or unplug its board: they go limp then, or home"
)


class EmergencyStop:
    """The service motor/emergency_stop, beside a node but in a thread of its own, until it is closed."""

    def __init__(self, beside: Node, stop: Callable[[], None]) -> None:
        """stop: is called from that thread."""
        self._stop = stop
        # A launch file's name for the process's node must not become this one's too.
        self._node = Node("emergency_stop", namespace=beside.get_namespace(), use_global_arguments=False)
        self._node.create_service(Trigger, "motor/emergency_stop", self._on_stop)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._listen, name="emergency stop", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()

    def _listen(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._stop()
        response.success, response.message = True, HELD
        return response
