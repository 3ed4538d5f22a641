"""What the camera saw, for the film and the report.   camera/image -> [witness]"""

import tempfile
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sensor_msgs.msg import Image

from ..vision import camera
from . import common, images


class WitnessNode(common.Configured):
    """Keeps pictures as JPEG on the disk: a minute at 25 a second is 100 MB.

    Packing one takes 6 ms, for which no pose had better wait: a thread does it.
    """

    def __init__(self) -> None:
        super().__init__("witness")
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the node
        self._moments, self._ends = array("d"), array("q", [0])
        self._packer = ThreadPoolExecutor(1)
        self.create_subscription(Image, "camera/image", self._on_image, common.IMAGE)

    def destroy_node(self) -> None:
        """What it kept may still be asked for."""
        self._packer.shutdown()
        super().destroy_node()

    @property
    def moments(self) -> np.ndarray:
        """(n,) s since the epoch, when the pictures were taken."""
        return np.array(self._moments)

    def pictures(self) -> Iterator[np.ndarray]:
        """Each (h, w, 3) uint8 RGB."""
        self._packer.shutdown()
        self._file.seek(0)
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            yield camera.from_jpeg(self._file.read(end - begin))

    def _on_image(self, message: Image) -> None:
        self._packer.submit(self._keep, message)

    def _keep(self, message: Image) -> None:
        data = camera.jpeg(images.from_message(message))
        self._file.write(data)
        self._moments.append(common.seconds(message.header.stamp))
        self._ends.append(self._ends[-1] + len(data))
