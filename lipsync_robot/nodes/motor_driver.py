"""Motor commands -> the wire, each at the moment its sound is heard.   motor/command -> [motor_driver] -> motor/sent, serial"""

import array
import time
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from lipsync_robot.msg import MotorCommand

from ..motors import description, ports
from ..motors.driver import Driver
from ..motors.maestro import Maestro
from ..motors.schedule import Pose
from ..motors.statistics import Punctuality
from . import common
from .common import parameter


@dataclass
class Params:
    robot: str = parameter("robots/twin.yaml", "The robot's description")
    port: str = parameter("twin", "Serial port of the servo controller, or `twin`")
    rate_hz: float = parameter(100.0, "How often positions are sent", 10.0, 400.0)
    playback_delay_s: float = parameter(0.11, "Sound is heard this long after its stamp; motion meets it", 0.0, 5.0)
    deadline_s: float = parameter(0.02, "A pose sent later than this after it was due counts as missed", 0.001, 1.0)
    servo_lag_s: float = parameter(0.03, "How long the servos trail their command", 0.0, 1.0)


class MotorDriverNode(common.Configured):
    """`driver` does the work; what shares a process with the node may ask it how it stands, and stop it."""

    def __init__(self) -> None:
        super().__init__("motor_driver")
        self._params = self.declare(Params)
        self._claim = common.only_one(self)
        robot = description.load(common.shared_file(self._params.robot))
        port = ports.resolve(self._params.port, common.robot_id(self))
        self._robot = robot
        self.driver = Driver(robot, lambda: Maestro(robot, str(port)), self.now())
        self._said = ""
        self.punctuality = Punctuality(self._params.deadline_s)
        self._sent = self.create_publisher(JointState, "motor/sent", common.MOTION)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_subscription(MotorCommand, "motor/command", self._on_command, common.MOTION)
        self.create_timer(1 / self._params.rate_hz, self._tick)
        self.create_service(SetBool, "motor/emergency_stop", self._on_emergency_stop)
        self.create_timer(1.0, self._diagnose)

    @property
    def playback_delay_s(self) -> float:
        return self._params.playback_delay_s

    @property
    def missed(self) -> int:
        """Commands that did not reach the wire in time."""
        return self.punctuality.missed(self.driver.pending)

    def destroy_node(self) -> None:
        if hasattr(self, "driver"):
            self._say_goodbye()
            self.driver.close()
        if hasattr(self, "_claim"):
            self._claim.close()
        super().destroy_node()

    def _on_command(self, message: MotorCommand) -> None:
        stamp = common.seconds(message.header.stamp)
        due = stamp + self._params.playback_delay_s - self._params.servo_lag_s
        now = self.now()
        expires = due + message.lifetime.sec + message.lifetime.nanosec * 1e-9
        if self.driver.command(Pose(due, expires, stamp, np.asarray(message.positions, float)), now):
            self.punctuality.arrived(stamp, now)
        else:
            self.punctuality.expired += 1

    def _tick(self) -> None:
        sent = self.driver.tick(self.now())
        if self.driver.fault != self._said:
            self._said = self.driver.fault
            if self._said:
                self.get_logger().error(self._said)
            else:
                self.get_logger().info("connected")
        if sent is None:
            return
        wired = self.now()
        if sent.pose is not None:
            self.punctuality.sent(sent.pose.stamp, sent.pose.due, wired)
        message = JointState(name=self._robot.names, position=array.array("d", sent.positions))
        # The sound behind this motion; the guard's own motion, on the way home, has no other moment than now.
        message.header.stamp = common.to_stamp(sent.pose.stamp if sent.pose else wired)
        self._sent.publish(message)

    def _on_emergency_stop(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """True freezes the servos where they are; false lets them move again, from there."""
        if request.data:
            self.driver.guard.emergency_stop()
        else:
            self.driver.guard.reset(self.now())
        response.success = True
        return response

    def _diagnose(self) -> None:
        wrong = self.driver.errors()
        if self.driver.guard.stopped:
            wrong.append("emergency stop: motors are frozen until motor/emergency_stop is called with false")
        figures = {**self.punctuality.summary(), "missed": self.missed, "refused": self.driver.guard.rejected}
        status = DiagnosticStatus(
            level=DiagnosticStatus.ERROR if wrong else DiagnosticStatus.OK,
            name=self.get_fully_qualified_name(),
            message="; ".join(wrong) or "sending",
            hardware_id=self._robot.name,
            values=[KeyValue(key=key, value=f"{value:g}") for key, value in figures.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = common.to_stamp(self.now())
        self._diagnostics.publish(message)

    def _say_goodbye(self) -> None:
        """The last thing a driver does: whatever ended it, the face is left at neutral."""
        self.driver.stop()
        give_up = time.monotonic() + self.driver.longest_way_home_s
        while not self.driver.at_neutral and time.monotonic() < give_up:
            time.sleep(1 / self._params.rate_hz)
            self.driver.tick(self.now())


main = common.run(MotorDriverNode)
