"""The robot without hardware.   serial -> [twin] -> twin/joints, twin/image"""

import array
import time
from dataclasses import dataclass

from sensor_msgs.msg import Image, JointState

from ..motors import description, ports
from ..twin import rig
from ..twin.camera import Camera
from ..twin.controlled import VirtualController
from ..twin.faces import FACES
from ..twin.simulation import FaceSimulation
from . import common, images
from .common import parameter
from .diagnostics import Condition

SILENT_S, HOME_S = 0.2, 2.0  # in which a driver that still drives is heard; that it is given to come home
LONGEST_S = 0.5  # that is simulated at once: a process that was stopped for long must not catch up for minutes


@dataclass
class Params:
    robot: str = parameter("robots/twin.yaml", "The description of its servos")
    face: str = parameter("canonical", f"Whose face it wears: {' or '.join(FACES)}")
    rate_hz: float = parameter(100.0, "How often the simulation catches up with the clock", 10.0, 400.0)
    backlash: float = parameter(0.01, "Play of the linkage, as a share of the stroke", 0.0, 0.2)
    servo_noise: float = parameter(0.0, "Deviation of where a servo lands at a command, as a share of the stroke", 0.0, 0.1)
    image_rate_hz: float = parameter(25.0, "Frame rate of the camera, which renders only while somebody listens", 1.0, 60.0)
    image_width: int = parameter(320, "Pixels", 16, 1920)
    image_height: int = parameter(240, "Pixels", 16, 1080)


class TwinNode(common.Configured):
    def __init__(self) -> None:
        super().__init__("twin")
        self._params = self.declare(Params)
        self._claim = common.only_one(self)
        self._robot = common.shared_file(self._params.robot)
        names = description.load(self._robot).names
        if names != list(rig.MOTORS):
            raise description.RobotDescriptionError(
                f"{self._robot}: the twin cannot stand in for this robot: its motors are {', '.join(rig.MOTORS)}, in this "
                "order. Name yours so, or give the robot's own port."
            )
        self._simulation = FaceSimulation(self._params.backlash, self._params.servo_noise, face=self._params.face)
        self._camera: Camera | None = None
        self._restarts = 0
        self._controller = self._powered()
        self._simulated = time.monotonic()
        self._joints = self.create_publisher(JointState, "twin/joints", common.MOTION)
        self._images = self.create_publisher(Image, "twin/image", common.IMAGE)
        self.create_timer(1 / self._params.rate_hz, self._advance)
        self.create_timer(1 / self._params.image_rate_hz, self._look)

    @property
    def face(self) -> str:
        """Whose face it wears, as twin.faces names it."""
        return self._params.face

    def condition(self) -> Condition:
        return Condition(figures={"restarts": self._restarts})

    def destroy_node(self) -> None:
        if hasattr(self, "_controller"):
            self._await_silence()
            self._controller.close()
            self._claim.close()
            if self._camera is not None:
                self._camera.close()
        super().destroy_node()

    def _await_silence(self) -> None:
        """A driver that was told to end in the same moment, as by a launch file, still brings the face home."""
        heard = now = time.monotonic()
        accepted, give_up = self._controller.accepted(), now + HOME_S
        while self._controller.alive and now < min(heard + SILENT_S, give_up):
            self._advance()
            time.sleep(1 / self._params.rate_hz)
            now = time.monotonic()
            if self._controller.accepted() != accepted:
                heard, accepted = now, self._controller.accepted()

    def _powered(self) -> VirtualController:
        return VirtualController(self._robot, ports.resolve(ports.TWIN, common.robot_id(self)))

    def _revive(self) -> None:
        self.get_logger().error(f"{self._controller.fault} It is started again.")
        self._controller.close()
        self._controller = self._powered()
        self._restarts += 1
        self._simulated = time.monotonic()  # the servos held meanwhile

    def _advance(self) -> None:
        if not self._controller.alive:
            self._revive()
        moves, now = self._controller.moves(), time.monotonic()  # in this order: none of them is yet to come
        until = max(self._simulated, now - LONGEST_S)
        for moment, positions in moves:  # not all at the end, or a driver's clock would beat against this timer's
            self._simulation.advance(max(moment - until, 0.0))
            self._simulation.command(positions)
            until = max(moment, until)
        self._simulation.advance(now - until)
        self._simulated = now
        message = JointState(name=rig.MOTORS, position=array.array("d", self._simulation.positions))
        message.header.stamp = common.to_stamp(self.now())
        self._joints.publish(message)

    def _look(self) -> None:
        if self._images.get_subscription_count() == 0:
            return
        if self._camera is None:
            self._camera = Camera(self._simulation, self._params.image_width, self._params.image_height)
        moment = self.now() - (time.monotonic() - self._simulated)
        self._images.publish(images.to_message(self._camera.picture(), moment))


main = common.run(TwinNode)
