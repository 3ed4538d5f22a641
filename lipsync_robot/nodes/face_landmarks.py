"""Pictures -> the face of the person in front of the camera.   camera/image -> [face_landmarks] -> human/landmarks"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import Image

from lipsync_robot.msg import FaceLandmarks

from ..vision.gate import LEAST_SHARP, MOST_TURNED_DEG
from ..vision.smoothing import NEAR_CM
from ..vision.watch import Watcher
from . import common, hri, images
from .common import parameter
from .diagnostics import Condition

SILENT_S = 1.0  # without a picture, which a camera that hangs may never say itself
LOST_S = 0.25  # from which on a face that is not seen is worth a word; the driver goes home then


@dataclass
class Params:
    faces: int = parameter(
        2, "Among so many the nearest is followed; each picture with fewer costs 3 ms more than with 1", 1, 8
    )
    grey: bool = parameter(False, "Look at grey pictures with equalised histogram, which suits a robot's face")
    most_turned_deg: float = parameter(
        MOST_TURNED_DEG, "A head turned farther from the camera is not followed", 0.0, 90.0, True
    )
    least_sharp: float = parameter(LEAST_SHARP, "Blurred beyond this share of the usual sharpness is not used", 0.0, 1.0, True)
    near_cm: float = parameter(NEAR_CM, "What moves less than this is steadied; 0 for no smoothing", 0.0, 1.0, True)


class FaceLandmarksNode(common.Configured):
    """A face that is lost is published no more: the driver holds, then goes home."""

    def __init__(self) -> None:
        super().__init__("face_landmarks")
        self._params = self.declare(Params)
        self._watcher = Watcher(**dataclasses.asdict(self._params))
        self.pictures = self.found = 0
        self._why, self._at = "no picture yet", self.now()  # why there is no face, and since when
        self._told, self._looked = False, self._at  # when a picture came last
        self._faces = self.create_publisher(FaceLandmarks, "human/landmarks", common.MOTION)
        self.create_subscription(Image, "camera/image", self._on_image, common.IMAGE)
        self._humans = hri.Humans(self) if hri.AVAILABLE else None

    def changed(self) -> None:
        self._watcher.gate.most_turned_deg = self._params.most_turned_deg
        self._watcher.gate.least_sharp = self._params.least_sharp
        self._watcher.smoothing.near_cm = self._params.near_cm

    def condition(self) -> Condition:
        why = self._why or ("no picture comes any more" if self.now() - self._looked > SILENT_S else "")
        return Condition(
            doubtful=[why] if why else [],
            well="following a face",
            figures={"pictures": self.pictures, "faces": self.found, "dropped": self.pictures - self.found},
        )

    def destroy_node(self) -> None:
        if hasattr(self, "_watcher"):
            self._watcher.close()
        super().destroy_node()

    def _on_image(self, message: Image) -> None:
        moment, self._looked = common.seconds(message.header.stamp), self.now()
        try:
            picture = images.from_message(message)
        except images.ImageError as error:
            self.get_logger().error(str(error), throttle_duration_sec=10.0)
            return
        face, why = self._watcher(picture, moment)
        self.pictures += 1
        self._note(why, moment)
        if face is not None:
            self.found += 1
            out = FaceLandmarks(points=face.points.astype(np.float32).ravel())
            out.header = message.header
            self._faces.publish(out)
        if self._humans:
            self._humans(face, message)

    def _note(self, why: str, moment: float) -> None:
        """Says when the face is lost, and when it is there again."""
        if not why:
            if self._told:
                self.get_logger().info("the face is there again")
            self._why, self._at, self._told = "", moment, False
            return
        self._why = why
        if not self._told and moment - self._at > LOST_S:
            self._told = True
            self.get_logger().warn(f"the face is lost: {why}")


main = common.run(FaceLandmarksNode)
