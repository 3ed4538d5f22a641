"""Robot landmarks -> motor commands.   robot/landmarks -> [inverse_model] -> motor/command"""

import array
from collections.abc import Iterator
from dataclasses import dataclass

from rclpy.duration import Duration

from lipsync_robot.msg import MotorCommand, RobotLandmarks

from ..face.landmarks import ROBOT_POINTS
from ..inference import PROVIDERS
from ..motors import description
from ..motors.inverse import InverseModel
from . import common
from .common import parameter
from .diagnostics import Condition


@dataclass
class Params:
    model: str = parameter("models/twin_inverse.onnx", "The robot's inverse model")
    robot: str = parameter("robots/twin.yaml", "The robot's description")
    providers: list = parameter(list(PROVIDERS), "ONNX Runtime execution providers, tried in order")
    lifetime_s: float = parameter(
        0.15, "A command that could not be sent this long after its moment is dropped", 0.02, 2.0, live=True
    )


class InverseModelNode(common.Configured):
    def __init__(self) -> None:
        super().__init__("inverse_model")
        params = self._params = self.declare(Params)
        robot = description.load(common.shared_file(params.robot))
        self.model = InverseModel(common.shared_file(params.model), robot.names, tuple(params.providers))
        self.changed()
        self._commands = self.create_publisher(MotorCommand, "motor/command", common.MOTION)
        self.create_subscription(RobotLandmarks, "robot/landmarks", self._on_landmarks, common.MOTION)

    def changed(self) -> None:
        self._lifetime = Duration(seconds=self._params.lifetime_s).to_msg()

    def condition(self) -> Condition:
        return Condition(figures={"provider": self.model.provider})

    def _on_landmarks(self, message: RobotLandmarks) -> None:
        for command in self.answers(message):
            self._commands.publish(command)

    def answers(self, message: RobotLandmarks) -> Iterator[MotorCommand]:
        """How each face is made, live and replayed."""
        positions = self.model(message.points.reshape(ROBOT_POINTS, 2))
        yield MotorCommand(header=message.header, positions=array.array("f", positions), lifetime=self._lifetime)


main = common.run(InverseModelNode)
