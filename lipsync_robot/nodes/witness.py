"""What the camera saw, for the film and the report.   camera/image -> [witness]"""

import errno
import os
import tempfile
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

import numpy as np
from sensor_msgs.msg import Image

from ..vision import camera
from . import common, images

MOST_WAITING = 50  # pictures that are yet to be packed: two seconds of them


class WitnessNode(common.Configured):
    """Keeps pictures as JPEG on the disk: a minute at 25 a second is 100 MB.

    Packing one takes 6 ms, for which no pose had better wait: a thread does it.
    """

    def __init__(self) -> None:
        super().__init__("witness")
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the node
        self._moments, self._ends = array("d"), array("q", [0])
        self._packer, self._room = ThreadPoolExecutor(1), BoundedSemaphore(MOST_WAITING)
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
        for begin, end in zip(self._ends, self._ends[1:], strict=False):
            yield camera.from_jpeg(os.pread(self._file.fileno(), end - begin, begin))

    def _on_image(self, message: Image) -> None:
        if self._room.acquire(blocking=False):
            self._packer.submit(self._keep, message)
        else:
            self.get_logger().warning("pictures come faster than they can be packed: the film lacks some", once=True)

    def _keep(self, message: Image) -> None:
        try:
            data = camera.jpeg(images.from_message(message))
            if os.pwrite(self._file.fileno(), data, self._ends[-1]) < len(data):
                raise OSError(errno.ENOSPC, f"no room for pictures in {tempfile.gettempdir()}")
        except (images.ImageError, OSError) as error:
            self.get_logger().error(f"the film lacks pictures: {error}", once=True)
            return
        finally:
            self._room.release()
        self._moments.append(common.seconds(message.header.stamp))
        self._ends.append(self._ends[-1] + len(data))
