"""Pictures to sensor_msgs/Image and back."""

import array

import numpy as np
from sensor_msgs.msg import Image

from ..errors import BadInputError
from . import common

CHANNELS = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0), "rgba8": (0, 1, 2), "bgra8": (2, 1, 0), "mono8": (0, 0, 0)}
BYTES = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}  # of a pixel


class ImageError(BadInputError):
    """An image whose encoding or size is not understood."""


def to_message(rgb: np.ndarray, moment: float) -> Image:
    """rgb (h, w, 3) uint8, taken at a moment in s since the epoch."""
    height, width, _ = rgb.shape
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.header.stamp = common.to_stamp(moment)
    message.data = array.array("B", rgb.tobytes())
    return message


def from_message(message: Image) -> np.ndarray:
    """-> (h, w, 3) uint8 RGB. Raises ImageError."""
    size = BYTES.get(message.encoding)
    if size is None:
        raise ImageError(f"images encoded as {message.encoding!r} are not understood: send one of {', '.join(BYTES)}.")
    rows = np.frombuffer(message.data, np.uint8)
    if message.step < message.width * size or len(rows) != message.height * message.step:
        raise ImageError(f"an image of {message.width} x {message.height} {message.encoding} came with {len(rows)} bytes.")
    pixels = rows.reshape(message.height, message.step)[:, : message.width * size].reshape(message.height, message.width, size)
    return pixels if message.encoding == "rgb8" else np.ascontiguousarray(pixels[..., CHANNELS[message.encoding]])
