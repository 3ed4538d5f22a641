"""A camera as a source of pictures."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from ..errors import BadInputError

cv2.setLogLevel(0)  # what goes wrong is said below, in one sentence


VIEWS = 16  # pictures, in half a second
NAMES = Path("/sys/class/video4linux")  # video0/name, ...


class CameraError(BadInputError):
    """The camera is not there, may not be opened, is in use, or gives no picture."""


class Camera:
    """A camera by its number, its path in /dev or a part of its name, or a video file in its place. Raises CameraError."""

    def __init__(self, source: int | str | Path) -> None:
        number = _number(source)
        self._name = str(source) if number is None else f"/dev/video{number}"
        _may_be_opened(self._name)
        self._capture = cv2.VideoCapture(self._name if number is None else number)
        if not self._capture.isOpened():
            reason = "it is no video that FFmpeg can read" if number is None else "stop what else is using it"
            raise CameraError(f"{self._name}: cannot be opened: {reason}.")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # a picture of now, not of some frames ago

    def picture(self) -> np.ndarray:
        """-> (height, width, 3) uint8 RGB, the next one, waited for. Raises CameraError where there is none any more."""
        there, picture = self._capture.read()
        if not there:
            raise CameraError(f"{self._name}: gives no picture any more. Was the camera unplugged, or has the video ended?")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def views(self) -> Iterator[np.ndarray]:
        """-> the next pictures, one after the other."""
        return (self.picture() for _ in range(VIEWS))

    def close(self) -> None:
        self._capture.release()

    def __enter__(self) -> "Camera":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def equalised(rgb: np.ndarray) -> np.ndarray:
    """rgb (h, w, 3) uint8 -> the same in grey with equalised histogram."""
    return cv2.cvtColor(cv2.equalizeHist(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)), cv2.COLOR_GRAY2RGB)


def is_camera(source: str) -> bool:
    """Whether it names a camera: by number, device or name, and not a file."""
    return _number(source) is not None


def no_wider(rgb: np.ndarray, width: int) -> np.ndarray:
    """rgb (h, w, 3) uint8 -> the same scaled down to that width, pixels, where it is wider."""
    height = round(rgb.shape[0] * width / rgb.shape[1])
    return rgb if rgb.shape[1] <= width else cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)


def jpeg(rgb: np.ndarray) -> bytes:
    """rgb (h, w, 3) uint8 -> a JPEG of it."""
    return cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()


def from_jpeg(data: bytes) -> np.ndarray:
    """-> (h, w, 3) uint8 RGB."""
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def _number(source: int | str | Path) -> int | None:
    """Of a camera by its number, its device, a link to that, or a part of the name it gives itself; None of a file."""
    device = os.path.realpath(f"/dev/video{source}" if str(source).isdecimal() else str(source))
    number = device.removeprefix("/dev/video")
    if number.isdecimal() or os.path.exists(device):
        return int(number) if number.isdecimal() else None
    for name in sorted(NAMES.glob("video*/name")):
        if str(source).lower() in name.read_text().lower():
            return int(name.parent.name.removeprefix("video"))
    return None


def _may_be_opened(path: str) -> None:
    if not os.path.exists(path):
        there = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        raise CameraError(f"{path}: there is no such camera or file (cameras: {there}). Plug it in, or name another.")
    if not os.access(path, os.R_OK):
        raise CameraError(f"{path}: you may not open it. Run: sudo usermod -aG video $USER, then log in again.")
