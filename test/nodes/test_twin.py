"""The twin's node: its virtual controller may die, and a robot that it cannot play is refused."""

import array
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from lipsync_robot.msg import MotorCommand
from sensor_msgs.msg import JointState

from lipsync_robot.nodes import common
from lipsync_robot.resources import resource

TWIN = resource("config/robots/twin.yaml")


def children(pid: int) -> list[int]:
    """Processes that a process has started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_virtual_controller_that_is_killed_is_started_again_under_the_same_driver(ear, start, robot) -> None:
    twin = start("twin")
    start("motor_driver")
    sent, joints = ear.hear(JointState, "motor/sent"), ear.hear(JointState, "twin/joints")
    assert ear.until(lambda: sent and joints)
    (killed,) = children(twin.pid)
    os.kill(killed, signal.SIGKILL)
    assert ear.until(lambda: children(twin.pid) not in ([], [killed]))
    sent.clear()
    joints.clear()
    assert ear.until(lambda: sent and joints)  # the driver has found it again
    twin.send_signal(signal.SIGINT)
    said, _ = twin.communicate(timeout=60)
    assert twin.returncode == 0
    assert said.count("the virtual servo controller has ended (exit status -9). It is started again.") == 1


def test_a_driver_that_is_told_to_end_with_its_twin_brings_the_face_home(ear, start, robot) -> None:
    """As `ros2 launch` does after Ctrl-C, in mid-speech."""
    twin, driver = start("twin"), start("motor_driver")
    sent, joints = ear.hear(JointState, "motor/sent"), ear.hear(JointState, "twin/joints")
    commands = ear.node.create_publisher(MotorCommand, "motor/command", common.MOTION)
    assert ear.until(lambda: sent and joints and commands.get_subscription_count())

    def moves() -> bool:
        command = MotorCommand(positions=array.array("f", np.clip(robot.neutral + 0.3, 0, 1)))
        command.header.stamp, command.lifetime.sec = common.to_stamp(time.time()), 1
        commands.publish(command)
        return np.abs(np.array(joints[-1].position) - robot.neutral).max() > 0.2

    assert ear.until(moves)
    for process in (twin, driver):
        process.send_signal(signal.SIGINT)
    assert ear.until(lambda: twin.poll() is not None and driver.poll() is not None)
    said, _ = driver.communicate()
    assert "the Maestro is gone" not in said
    assert (twin.returncode, driver.returncode) == (0, 0)
    assert np.array(joints[-1].position) == pytest.approx(robot.neutral, abs=0.02)


def test_the_twin_plays_no_robot_of_another_build(start, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TWIN.read_text().replace("name: jaw", "name: beak"))
    twin = start("twin", "-p", f"twin:robot:={other}")
    said, _ = twin.communicate(timeout=60)
    assert "other.yaml: the twin cannot stand in for this robot: its motors are brow_outer, brow_inner" in said
    assert "Traceback" not in said
    assert twin.returncode == 2


def test_a_face_that_the_twin_does_not_have_is_refused(start) -> None:
    twin = start("twin", "-p", "twin:face:=mine")
    said, _ = twin.communicate(timeout=60)
    assert said.strip().endswith("the twin has no face 'mine'. Name one of canonical, other.")
    assert "Traceback" not in said
    assert twin.returncode == 2
