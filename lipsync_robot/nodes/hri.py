"""The face that is followed, as ROS4HRI (REP 155) publishes faces; only where hri_msgs is installed, which PyPI does not have.

face_landmarks -> /humans/faces/tracked, /humans/faces/<id>/landmarks, /humans/faces/<id>/action_units

It belongs to the node that has the picture: landmarks are wanted where they are in it, and human/landmarks has no pose. Voices
are `recogniser`'s.
"""

import uuid

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from ..face.action_units import UNITS, action_units
from ..face.landmarks import DLIB
from ..face.metric import MetricFace, on_screen
from ..face.profile import GONE_S, Stranger
from . import common

try:
    from hri_msgs.msg import FacialActionUnits, FacialLandmarks, IdsList, NormalizedPointOfInterest2D
except ModuleNotFoundError:
    AVAILABLE = False
else:
    AVAILABLE = True

LANDMARKS, ACTION_UNITS = 70, 99  # of the messages: dlib's 68 and the pupils, which are not known; FACS's numbers


class Humans:
    """A face that was gone for two seconds comes back as another one, with a new id and a rest to be learned anew."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tracked = node.create_publisher(IdsList, "/humans/faces/tracked", 1)
        self._publishers: list = []
        self._id, self._seen = "", -np.inf
        self._stranger = Stranger()

    def __call__(self, face: MetricFace | None, picture: Image) -> None:
        moment = common.seconds(picture.header.stamp)
        if not 0 <= moment - self._seen <= GONE_S:
            self._forget()
        if face is not None:
            self._seen = moment
            if not self._id:
                self._meet()
            landmarks, units = self._publishers
            landmarks.publish(_landmarks(face, picture))
            units.publish(_action_units(face, self._stranger(face.points, moment).static, picture))
        self._tracked.publish(IdsList(header=picture.header, ids=[self._id] if self._id else []))

    def _meet(self) -> None:
        self._id = f"f{uuid.uuid4().hex[:5]}"  # a name in ROS does not begin with a digit
        kinds = {"landmarks": FacialLandmarks, "action_units": FacialActionUnits}
        self._publishers = [  # a plain node's: what is counted is remembered for as long as the node lives
            Node.create_publisher(self._node, kind, f"/humans/faces/{self._id}/{name}", 1) for name, kind in kinds.items()
        ]

    def _forget(self) -> None:
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._id, self._publishers = "", []


def _landmarks(face: MetricFace, picture: Image) -> "FacialLandmarks":
    """Those that are out of the picture, and the pupils, have no confidence."""
    screen = on_screen(face, picture.width, picture.height)[DLIB]
    within = ((screen >= 0) & (screen <= 1)).all(1)
    seen = zip(screen.clip(0, 1).tolist(), within.astype(float).tolist(), strict=True)
    points = [NormalizedPointOfInterest2D(x=x, y=y, c=c) for (x, y), c in seen]
    points += [NormalizedPointOfInterest2D() for _ in range(LANDMARKS - len(points))]
    return FacialLandmarks(header=picture.header, landmarks=points, height=picture.height, width=picture.width)


def _action_units(face: MetricFace, rest: np.ndarray, picture: Image) -> "FacialActionUnits":
    """Units that landmarks do not hold have no confidence."""
    intensity, confidence = np.zeros((2, ACTION_UNITS), np.float32)
    intensity[list(UNITS)], confidence[list(UNITS)] = action_units(face.points, rest), 1.0
    return FacialActionUnits(header=picture.header, intensity=intensity.tolist(), confidence=confidence.tolist())
