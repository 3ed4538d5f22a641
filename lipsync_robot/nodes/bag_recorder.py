"""What happens on a robot's topics, as it happens.   any topic -> [bag_recorder] -> rosbag2"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rclpy.qos import QoSProfile

from .. import bags
from . import common
from .common import parameter
from .executor import hear
from .topics import ARROWS, USUAL, Arrow, arrow

DEPTH = 1000  # messages that wait for a slow disk


@dataclass
class Params:
    bag: str = parameter("", "Folder to write; it must not exist yet")
    storage: str = parameter("mcap", f"One of {', '.join(bags.STORAGES)}")
    topics: list = parameter(list(USUAL), f"Some of {', '.join(ARROWS)}, in any namespace")


class BagRecorderNode(common.Configured):
    """Messages are kept as they came, and not even looked at. `counts` says how many, by topic with its namespace."""

    def __init__(self) -> None:
        super().__init__("bag_recorder")
        params = self.declare(Params)
        self._bag = bags.Recording(Path(params.bag), params.storage)
        self._began: float | None = None
        self.counts: dict[str, int] = {}
        for name in params.topics:
            known, topic = arrow(name), self.resolve_topic_name(name)
            self.counts[topic] = 0
            patient = QoSProfile(depth=DEPTH, reliability=known.quality.reliability)
            self.create_subscription(known.message, name, self._keeper(topic, known), patient, raw=True)

    @property
    def recorded_s(self) -> float:
        """Since the first message; 0 before."""
        return 0.0 if self._began is None else self.now() - self._began

    def destroy_node(self) -> None:
        """Keeps what came before the end too, and which a slow disk has left waiting."""
        try:
            for _ in range(DEPTH):  # while these are kept, others come
                if not any([hear(each) for each in self.subscriptions]):
                    break
        finally:
            super().destroy_node()
            if hasattr(self, "_bag"):
                self._bag.close()

    def _keeper(self, topic: str, known: Arrow) -> Callable[[bytes], None]:
        def keep(data: bytes) -> None:
            if self._began is None:
                self._began = self.now()
            self._bag.write(topic, known.kind, time.time_ns(), data, known.offered)
            self.counts[topic] += 1

        return keep


main = common.run(BagRecorderNode)
