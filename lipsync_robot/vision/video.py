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
    with opened(path) as container:
        first = None
        try:
            for frame in container.decode(video=0):
                if frame.time is None:
                    raise VideoFileError(f"{path}: its pictures have no time stamps. Re-encode the file.")
                first = frame.time if first is None else first
                yield frame.time - first, frame.to_ndarray(format="rgb24")
        except av.FFmpegError as error:
            raise VideoFileError(f"{path}: the picture breaks off ({error.strerror}). Re-encode the file.") from error


def bit_rate_kbps(path: Path) -> float:
    """Of the picture, or of the whole file where its container does not tell them apart; nothing is decoded."""
    with opened(path) as container:
        return (container.streams.video[0].bit_rate or container.bit_rate) / 1000


def opened(path: Path) -> av.container.InputContainer:
    """A file with at least one video track, to be closed. Raises VideoFileError."""
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise VideoFileError(f"{path}: not a video that FFmpeg can read ({error.strerror}).") from error
    if not container.streams.video:
        container.close()
        raise VideoFileError(f"{path}: there is no picture in it. Give a file with a video track.")
    return container
