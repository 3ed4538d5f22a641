"""Video files as a stream of pictures with their moments."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from ..errors import BadInputError


class VideoFileError(BadInputError):
    """The file is missing, holds no picture, or cannot be decoded."""


def frames(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Pairs of the frame's moment in seconds from the first frame and its picture (h, w, 3) uint8 RGB."""
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise VideoFileError(f"{path}: not a video that FFmpeg can read ({error.strerror}).") from error
    with container:
        if not container.streams.video:
            raise VideoFileError(f"{path}: there is no picture in it. Give a file with a video track.")
        first = None
        for frame in container.decode(video=0):
            first = frame.time if first is None else first
            yield frame.time - first, frame.to_ndarray(format="rgb24")
