"""The motor driver as a managed node, a process of its own in front of the twin's servo controller."""

import array
import math
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from lipsync_robot.msg import MotorCommand
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from lipsync_robot.motors.description import Robot
from lipsync_robot.resources import resource

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


class Driven:
    """A driver with a robot behind it, and all that a user has in hand."""

    def __init__(self, ear, robot: Robot) -> None:
        self.ear, self.robot = ear, robot
        self.sent, self.joints = ear.hear(JointState, "motor/sent"), ear.hear(JointState, "twin/joints")
        self.diagnoses = ear.hear(DiagnosticArray, "/diagnostics")
        self._commands = ear.node.create_publisher(MotorCommand, "motor/command", 10)
        self._clients: dict[str, object] = {}

    def ask(self, kind: type, service: str, **request: object):
        """-> the service's answer."""
        if service not in self._clients:
            self._clients[service] = self.ear.node.create_client(kind, service)
        client = self._clients[service]
        assert self.ear.until(client.service_is_ready)
        answer = client.call_async(kind.Request(**request))
        assert self.ear.until(answer.done)
        return answer.result()

    def operator(self, *arguments: str) -> tuple[int, str]:
        """What a person does at another terminal -> exit status, and what they are told."""
        process = subprocess.Popen([COMMAND, "motors", *arguments], stderr=subprocess.PIPE, text=True)
        assert self.ear.until(lambda: process.poll() is not None)
        return process.returncode, process.communicate()[1]

    def state(self) -> str:
        return self.ask(GetState, "motor_driver/get_state").current_state.label

    def change(self, transition: int) -> bool:
        return self.ask(ChangeState, "motor_driver/change_state", transition=Transition(id=transition)).success

    def open_jaw(self, to: float) -> None:
        positions = self.robot.neutral.copy()
        positions[self.robot.names.index("jaw")] = to
        message = MotorCommand(positions=array.array("f", positions))
        message.header.stamp = self.ear.node.get_clock().now().to_msg()
        message.lifetime.sec = 30
        self._commands.publish(message)

    def jaw(self, of: list | None = None) -> float:
        heard = self.sent if of is None else of
        return heard[-1].position[self.robot.names.index("jaw")] if heard else math.nan

    def opens_jaw(self, to: float) -> bool:
        return self.ear.until(lambda: self.open_jaw(to) or abs(self.jaw() - to) < 0.01)

    def comes_home(self) -> bool:
        """Waits: the answer to a request may overtake the last of what was sent before it."""
        return self.ear.until(lambda: self.sent[-1].position == pytest.approx(self.robot.neutral, abs=0.01))

    def says(self, text: str, level: bytes) -> bool:
        return self.ear.until(
            lambda: self.diagnoses
            and text in self.diagnoses[-1].status[0].message
            and self.diagnoses[-1].status[0].level == level
        )


@pytest.fixture
def driven(ear, robot: Robot) -> Driven:
    return Driven(ear, robot)


def output(process: subprocess.Popen) -> str:
    text, _ = process.communicate(timeout=60)
    return text


def test_one_robot_has_one_driver(ear, start) -> None:
    start("twin")
    start("motor_driver")
    sent = ear.hear(JointState, "motor/sent")
    assert ear.until(lambda: sent)
    second = start("motor_driver")
    assert "another motor_driver already moves this robot" in output(second)
    assert second.returncode == 2


def test_a_driver_that_is_killed_does_not_lock_its_robot(ear, start) -> None:
    start("twin")
    first = start("motor_driver")
    sent = ear.hear(JointState, "motor/sent")
    assert ear.until(lambda: sent)
    first.kill()
    first.wait()
    sent.clear()
    start("motor_driver")
    assert ear.until(lambda: sent)


def test_the_whole_life_of_a_managed_node(driven: Driven, start: Callable, robot: Robot) -> None:
    start("twin")
    start("motor_driver", "-p", "motor_driver:autostart:=false")
    assert driven.state() == "unconfigured"
    assert driven.says("not configured", DiagnosticStatus.ERROR)
    assert driven.change(Transition.TRANSITION_CONFIGURE)
    assert driven.says("not active", DiagnosticStatus.OK)
    assert driven.sent == []  # the bus is open, and nothing moves
    assert driven.change(Transition.TRANSITION_ACTIVATE)
    assert driven.opens_jaw(0.5)
    assert driven.says("sending", DiagnosticStatus.OK)
    assert driven.change(Transition.TRANSITION_DEACTIVATE)
    assert driven.comes_home()
    assert driven.state() == "inactive"
    driven.sent.clear()
    assert driven.ask(Trigger, "motor/emergency_stop").success
    assert not driven.change(Transition.TRANSITION_ACTIVATE)
    assert driven.state() == "inactive"
    assert driven.ask(Trigger, "motor/reset").success
    driven.open_jaw(0.9)
    assert driven.change(Transition.TRANSITION_CLEANUP)
    assert driven.change(Transition.TRANSITION_CONFIGURE)
    assert driven.change(Transition.TRANSITION_ACTIVATE)
    assert driven.opens_jaw(0.5)  # and not to 0.9: that was void
    assert max(message.position[robot.names.index("jaw")] for message in driven.sent) < 0.6
    assert driven.change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert driven.state() == "finalized"
    assert driven.comes_home()


def test_a_driver_starts_before_its_robot_and_says_what_it_waits_for(driven: Driven, start: Callable) -> None:
    start("motor_driver")
    assert driven.says("no such port", DiagnosticStatus.ERROR)
    refused = driven.ask(Trigger, "motor/reboot")
    assert not refused.success
    assert "no such port" in refused.message
    start("twin")
    assert driven.opens_jaw(0.4)
    assert driven.says("sending", DiagnosticStatus.OK)


def test_the_twins_description_drives_no_other_servos(start: Callable) -> None:
    process = start("motor_driver", "-p", "motor_driver:port:=/dev/ttyACM61")
    assert "port is /dev/ttyACM61, but robot the twin's: name its own file." in output(process)
    assert process.returncode == 2


def test_an_emergency_stop_freezes_the_servos_until_it_is_reset(driven: Driven, start: Callable) -> None:
    start("twin")
    start("motor_driver")
    assert driven.opens_jaw(0.4)
    status, told = driven.operator("stop")
    assert status == 0
    assert "frozen until motor/reset" in told
    count = len(driven.sent) + 50  # what was on its way may still come
    assert driven.ear.until(lambda: driven.open_jaw(0.9) or len(driven.sent) > count + 300)
    assert all(message.position == driven.sent[count].position for message in driven.sent[count:])
    assert driven.says("emergency stop", DiagnosticStatus.ERROR)
    assert driven.operator("reset")[0] == 0
    assert driven.opens_jaw(0.9)


def test_a_robot_that_does_not_run_cannot_be_stopped(driven: Driven) -> None:
    status, told = driven.operator("stop", "--namespace", "nowhere")
    assert status == 1
    assert "no driver answers" in told


def test_an_emergency_stop_is_heard_while_the_face_goes_home(
    driven: Driven, start: Callable, tmp_path: Path, robot: Robot
) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(re.sub(r"max_speed: [\d.]+", "max_speed: 0.2", resource("config/robots/twin.yaml").read_text()))
    start("twin")
    start("motor_driver", "-p", f"motor_driver:robot:={slow}")
    assert driven.opens_jaw(0.8)
    stop = driven.ear.node.create_client(Trigger, "motor/emergency_stop")
    assert driven.ear.until(stop.service_is_ready)
    change = driven.ear.node.create_client(ChangeState, "motor_driver/change_state")
    assert driven.ear.until(change.service_is_ready)
    homing = change.call_async(ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE)))
    assert driven.ear.until(lambda: driven.jaw() < 0.75)
    assert driven.ear.until(stop.call_async(Trigger.Request()).done)
    assert driven.ear.until(homing.done)
    assert driven.jaw() > 0.1  # four seconds from home


def test_the_face_goes_home_when_told_and_moves_again_when_commanded(driven: Driven, start: Callable) -> None:
    start("twin")
    start("motor_driver")
    assert driven.opens_jaw(0.6)
    assert driven.ask(Trigger, "motor/go_home").success
    assert driven.comes_home()
    assert driven.opens_jaw(0.6)


def test_without_torque_nothing_is_sent_and_with_it_the_face_moves_again(driven: Driven, start: Callable) -> None:
    start("twin")
    start("motor_driver")
    assert driven.ear.until(lambda: driven.open_jaw(0.6) or abs(driven.jaw(driven.joints) - 0.6) < 0.03)
    assert driven.ask(SetBool, "motor/torque", data=False).success
    count = len(driven.joints)
    assert driven.ear.until(lambda: driven.open_jaw(0.1) or len(driven.joints) > count + 50)
    driven.sent.clear()
    assert driven.ear.until(lambda: driven.open_jaw(0.1) or len(driven.joints) > count + 150)
    assert driven.sent == []
    assert driven.jaw(driven.joints) == pytest.approx(0.6, abs=0.05)  # nothing pulls the twin's jaw down
    assert driven.ask(SetBool, "motor/torque", data=True).success
    assert driven.opens_jaw(0.2)


def test_what_is_sent_stays_within_reach_of_the_line(start: Callable, tmp_path: Path, robot: Robot) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(resource("config/robots/twin.yaml").read_text().replace(f"baud: {robot.baud}", "baud: 9600"))
    process = start("motor_driver", "-p", f"motor_driver:robot:={slow}")
    assert "of a line of 9600 baud, answers included. Lower rate_hz, or raise baud." in output(process)
    assert process.returncode == 2


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_driver_that_is_told_to_end_takes_the_face_home_and_says_so_to_the_last(
    driven: Driven, start: Callable, ending: int
) -> None:
    start("twin")
    driver = start("motor_driver")
    assert driven.opens_jaw(0.7)
    driver.send_signal(ending)
    assert driven.ear.until(lambda: driver.poll() is not None)
    assert driver.returncode == 0, output(driver)
    assert driven.comes_home()


def test_what_the_driver_sends_is_what_the_twin_gets(driven: Driven, start: Callable) -> None:
    start("twin")
    start("motor_driver")
    assert driven.opens_jaw(0.7)
    assert driven.ear.until(lambda: driven.open_jaw(0.7) or abs(driven.jaw(driven.joints) - 0.7) < 0.03)
    assert np.isfinite(driven.joints[-1].position).all()
