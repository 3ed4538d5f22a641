"""Pictures of now: of a camera, or of a film or a folder of pictures in its place.   V4L2, file -> [camera] -> camera/image"""

import time
from dataclasses import dataclass
from pathlib import Path

from sensor_msgs.msg import Image

from ..vision import camera, video
from ..vision.newest import Newest, again, live, played
from . import common, images
from .common import parameter
from .diagnostics import Condition

WATCH_S = 0.05  # how often it is looked whether there is something to open
AGAIN_S = 1.0  # between attempts to open a camera that is not there


@dataclass
class Params:
    source: str = parameter("0", "A camera by its number, device or name; or a video file, or a folder of pictures")
    width: int = parameter(640, "Wider pictures are scaled down to this many pixels: a face needs no more", 64, 4096, True)
    rate_hz: float = parameter(25.0, "Of a folder of pictures, which has none of its own", 1.0, 240.0)
    loop: bool = parameter(False, "Play a file again and again")
    await_chain: bool = parameter(True, "Begin a file only once every arrow from picture to motor has somebody at its end")


class CameraNode(common.Configured):
    """`finished` turns true when a file was played to its end."""

    def __init__(self) -> None:
        super().__init__("camera")
        self._params = self.declare(Params)
        self._live = camera.is_camera(self._params.source)
        if not self._live:
            next(self._film())  # so that an unusable file is an error now
        self.finished = False
        self._newest: Newest | None = None
        self._again_at = 0.0
        self._images = self.create_publisher(Image, "camera/image", common.IMAGE)
        self._wake = self.create_guard_condition(self._publish)
        self.create_timer(WATCH_S, self._keep_open)

    @property
    def missed(self) -> int:
        """Pictures that were not published: the newest had come."""
        return self._newest.missed if self._newest else 0

    def condition(self) -> Condition:
        failure = self._newest and self._newest.failure
        return Condition(
            wrong=[str(failure)] if failure else [],
            well="finished" if self.finished else "",
            figures={"dropped": self.missed},
            hardware=self._params.source,
        )

    def destroy_node(self) -> None:
        newest: Newest | None = getattr(self, "_newest", None)  # none where __init__ failed
        if newest:
            newest.close()
        super().destroy_node()

    def _keep_open(self) -> None:
        """Opens what is not open: a camera as soon as it is there, a film when everybody looks."""
        if self.finished or (self._newest and not self._newest.ended) or time.monotonic() < self._again_at:
            return
        if self._newest and not self._live:
            self.finished = True
        elif self._live:
            self._again_at = time.monotonic() + AGAIN_S
            self._newest = Newest(live(self._params.source), self._wake.trigger)
        elif not self._params.await_chain or self.heard_to_the_end(self._images):
            self._newest = Newest(played(again(self._film, self._params.loop)), self._wake.trigger)

    def _film(self) -> video.Frames:
        path = Path(self._params.source)
        return video.stills(path, self._params.rate_hz) if path.is_dir() else video.frames(path)

    def _publish(self) -> None:
        assert self._newest
        if self._newest.failure:
            self.get_logger().error(str(self._newest.failure), throttle_duration_sec=10.0)
        seen = self._newest.take()
        if seen is not None:
            self._images.publish(images.to_message(camera.no_wider(seen.picture, self._params.width), seen.moment))


main = common.run_until_finished(CameraNode)
