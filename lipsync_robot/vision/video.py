"""Video files, and folders of pictures, as a stream of pictures with their moments."""

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from ..errors import BadInputError

Frames = Iterator[tuple[float, np.ndarray]]  # s from the first frame, picture (h, w, 3) uint8 RGB
PICTURES = {".bmp", ".jpeg", ".jpg", ".png"}


class VideoFileError(BadInputError):
    """The file is missing, holds no picture, or cannot be decoded."""


def frames(path: Path) -> Frames:
    """A video file's. Raises VideoFileError."""
    with opened(path) as container:
        first = None
        try:
            for frame in container.decode(video=0):
                if frame.time is None:
                    raise VideoFileError(f"{path}: its pictures have no time stamps. Re-encode the file.")
                first = frame.time if first is None else first
                yield frame.time - first, _upright(frame)
        except av.FFmpegError as error:
            raise VideoFileError(f"{path}: the picture breaks off ({error.strerror}). Re-encode the file.") from error
        if first is None:
            raise VideoFileError(f"{path}: its video track is empty. Give a film that holds pictures.")


def _upright(frame: av.VideoFrame) -> np.ndarray:
    """As players show it: a telephone that is held upright films on its side, and says so."""
    picture = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90))) if frame.rotation else picture


def after_sound_s(path: Path) -> float:
    """How much later its picture begins than its own sound, s; 0 where it has none. Raises VideoFileError."""
    with opened(path) as container:
        if not container.streams.audio:
            return 0.0
        picture = _begins_s(container, "video")
    with opened(path) as container:  # anew: what was read for one track is lost to the other
        return picture - _begins_s(container, "audio")


def _begins_s(container: av.container.InputContainer, track: str) -> float:
    """Of what is decoded: by its header a track may begin with what a decoder throws away."""
    first = next(container.decode(**{track: 0}), None)
    return first.time or 0.0 if first else 0.0


def duration_s(path: Path) -> float | None:
    """Length as the container states it, in s; None where it does not say. Raises VideoFileError."""
    with opened(path) as container:
        return container.duration / av.time_base if container.duration else None


def stills(folder: Path, rate_hz: float) -> Frames:
    """A folder's pictures, in the order of their names, rate_hz a second. Raises VideoFileError."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not paths:
        raise VideoFileError(f"{folder}: there is no picture in it ({', '.join(sorted(PICTURES))}).")
    for k, path in enumerate(paths):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            raise VideoFileError(f"{path}: not a picture that can be read.")
        yield k / rate_hz, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def bit_rate_kbps(path: Path) -> float:
    """Of the picture, or of the whole file where its container does not tell them apart; nothing is decoded."""
    with opened(path) as container:
        return (container.streams.video[0].bit_rate or container.bit_rate) / 1000


def opened(path: Path) -> av.container.InputContainer:
    """A file with at least one video track, to be closed. Raises VideoFileError."""
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise VideoFileError(f"{path}: not a video that FFmpeg can read ({error.strerror}).") from error
    if not container.streams.video:
        container.close()
        raise VideoFileError(f"{path}: there is no picture in it. Give a file with a video track.")
    return container
