"""Sound that was called back: what of it is on its way to the loudspeaker or the wire must not arrive."""

from collections.abc import Callable

from rclpy.node import Node
from std_msgs.msg import Header

from lipsync_robot.msg import Audio

from ..audio.mel import SAMPLE_RATE
from . import common

IN_FLIGHT_S = 10.0  # that sound may be on its way; whatever is older comes from a clock that was set back


class Void:
    """Knows, for a node, which sound was called back."""

    def __init__(self, node: Node, act: Callable[[], None]) -> None:
        """act: what the node does at once when sound is called back."""
        self._node, self._act = node, act
        self._until = 0.0
        node.create_subscription(Header, common.VOID, self.heed, common.MOTION)

    def __contains__(self, stamp: float) -> bool:
        """Whether what is stamped so (s since the epoch) was called back."""
        return 0 < self._until - stamp < IN_FLIGHT_S

    def spares(self, message: Audio) -> bool:
        """Whether a block of sound is to be heard: at the one rate there is here, and not called back."""
        if message.sample_rate != SAMPLE_RATE:
            self._node.get_logger().error(f"sound at {message.sample_rate} Hz is ignored: send {SAMPLE_RATE} Hz", once=True)
            return False
        return common.seconds(message.header.stamp) not in self

    def heed(self, message: Header) -> None:
        """Sound before its stamp is void."""
        self._until = common.seconds(message.stamp)
        self._act()
