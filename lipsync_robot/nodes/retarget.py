"""A human face -> what the robot's face can make of it.   human/landmarks -> [retarget] -> robot/landmarks"""

from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import FaceLandmarks, RobotLandmarks

from ..face.landmarks import POINTS
from ..face.retarget import Retarget, RobotFace, load_static
from . import common
from .common import parameter


@dataclass
class Params:
    human_static: str = parameter("models/human_static.npy", "The face that humans' displacements count from")
    robot_face: str = parameter("models/twin_face.npz", "The robot's face at rest and its reach, from babbling")
    alpha_mouth: float = parameter(1.0, "How much further than the human's the robot's lips move", 0.0, 3.0)
    alpha_jaw: float = parameter(1.0, "The same, of the jaw", 0.0, 3.0)
    alpha_eyes: float = parameter(1.0, "The same, of the lids", 0.0, 3.0)
    alpha_brows: float = parameter(1.0, "The same, of the brows", 0.0, 3.0)


class RetargetNode(common.Configured):
    def __init__(self) -> None:
        super().__init__("retarget")
        params = self.declare(Params)
        human_static = load_static(common.shared_file(params.human_static))
        alpha = {region: getattr(params, f"alpha_{region}") for region in ("mouth", "jaw", "eyes", "brows")}
        self._retarget = Retarget(human_static, RobotFace.load(common.shared_file(params.robot_face)), alpha)
        self._robot = self.create_publisher(RobotLandmarks, "robot/landmarks", common.MOTION)
        self.create_subscription(FaceLandmarks, "human/landmarks", self._on_face, common.MOTION)

    def _on_face(self, message: FaceLandmarks) -> None:
        robot = self._retarget(message.points.reshape(POINTS, 3))
        self._robot.publish(RobotLandmarks(header=message.header, points=robot.astype(np.float32).ravel()))


main = common.run(RetargetNode)
