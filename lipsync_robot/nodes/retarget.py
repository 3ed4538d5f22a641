"""A human face -> what the robot's face can make of it.   human/landmarks -> [retarget] -> robot/landmarks"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import FaceLandmarks, RobotLandmarks

from ..face.landmarks import CANONICAL, POINTS, REGIONS
from ..face.mapping import Mapping
from ..face.profile import UNKNOWN, HumanFace, Stranger
from ..face.retarget import Retarget, RobotFace
from . import common
from .common import parameter


@dataclass
class Params:
    human_face: str = parameter(
        "models/human_face.npz", "The person at rest; empty: whoever is seen, learned as they are watched"
    )
    robot_face: str = parameter("models/twin_face.npz", "The robot's face at rest and its reach, from babbling")
    gain_mouth: float = parameter(
        1.0, "Of the lips' displacement, besides alpha: robot's reach over the human's", 0.0, 3.0, True
    )
    gain_jaw: float = parameter(1.0, "The same, of the jaw", 0.0, 3.0, True)
    gain_eyes: float = parameter(1.0, "The same, of the lids", 0.0, 3.0, True)
    gain_brows: float = parameter(1.0, "The same, of the brows", 0.0, 3.0, True)
    mapping: str = parameter("", "Expression mapping network that takes the place of human_face and gains; empty for none")


class RetargetNode(common.Configured):
    def __init__(self) -> None:
        super().__init__("retarget")
        params = self._params = self.declare(Params)
        robot = RobotFace.load(common.shared_file(params.robot_face))
        self._stranger = None if params.human_face or params.mapping else Stranger()
        self._retarget: Mapping | Retarget
        if params.mapping:
            self._retarget = Mapping(common.shared_file(params.mapping), robot)
        else:
            known = params.human_face and HumanFace.load(common.shared_file(params.human_face))
            human = known or HumanFace(CANONICAL.vertices, UNKNOWN)  # until somebody is seen
            self._retarget = Retarget(human, robot, self._gains())
        self._robot = self.create_publisher(RobotLandmarks, "robot/landmarks", common.MOTION)
        self.create_subscription(FaceLandmarks, "human/landmarks", self._on_face, common.MOTION)

    def changed(self) -> None:
        if isinstance(self._retarget, Retarget):
            self._retarget = dataclasses.replace(self._retarget, gain=self._gains())

    def _gains(self) -> dict[str, float]:
        return {region: getattr(self._params, f"gain_{region}") for region in REGIONS}

    def _on_face(self, message: FaceLandmarks) -> None:
        for robot in self.answers(message):
            self._robot.publish(robot)

    def answers(self, message: FaceLandmarks) -> Iterator[RobotLandmarks]:
        """What is made of each face, live and replayed."""
        human = message.points.reshape(POINTS, 3)
        if self._stranger and isinstance(self._retarget, Retarget):
            self._retarget.human = self._stranger(human, common.seconds(message.header.stamp))
        robot = self._retarget(human)
        yield RobotLandmarks(header=message.header, points=robot.astype(np.float32).ravel())


main = common.run(RetargetNode)
