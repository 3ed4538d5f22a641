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

from lipsync_robot.motors import buses, ports
from lipsync_robot.nodes import common
from lipsync_robot.resources import resource
from lipsync_robot.twin.servos import View
from lipsync_robot.twin.simulation import FaceSimulation

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


def test_servos_move_from_when_on_they_are_told_to_however_seldom_the_simulation_catches_up(ear, start, robot) -> None:
    start("twin", "-p", "twin:rate_hz:=10.0", "-p", "twin:backlash:=0.0")
    joints = ear.hear(JointState, "twin/joints")
    assert ear.until(lambda: joints)
    port = ports.resolve(ports.TWIN, common.robot_id(ear.node))
    bus, seen = buses.open_bus(robot, str(port)), View(port)
    away = robot.neutral.copy()
    away[robot.names.index("jaw")] = 0.9
    wrong, would_be = [], []
    for trial in range(12):
        here, there = (robot.neutral, away) if trial % 2 else (away, robot.neutral)

        def rests(at: np.ndarray = here) -> bool:
            bus.torque(True)
            bus.write(robot.targets(at))  # again and again, or the board, which hears nothing, sends them home
            return len(joints) > 1 and all(np.abs(message.position - at).max() < 0.002 for message in joints[-2:])

        assert ear.until(rests)
        time.sleep(0.1 * np.random.default_rng(trial).random())  # the moment is a different one between two looks
        seen.changes()
        joints.clear()
        bus.write(robot.targets(there))
        moves: list[tuple[float, np.ndarray]] = []

        def caught_up(moves: list[tuple[float, np.ndarray]] = moves) -> bool:
            ago = time.time() - time.monotonic()
            moves += [(ago + moment, robot.positions(outputs)) for moment, outputs in seen.changes()]
            return bool(moves) and any(stamp(message) > moves[0][0] for message in joints)

        assert ear.until(caught_up)
        look = next(message for message in joints if stamp(message) > moves[0][0])
        at = stamp(look)
        wrong.append(np.abs(look.position - simulated(here, [move for move in moves if move[0] < at], at)).max())
        would_be.append(np.abs(look.position - simulated(here, [(at - 0.1, there)], at)).max())
    bus.close()
    assert np.median(wrong) < 0.02
    assert np.median(would_be) > 0.1  # if they moved from the last look on


def stamp(message: JointState) -> float:
    return common.seconds(message.header.stamp)


def simulated(start: np.ndarray, moves: list[tuple[float, np.ndarray]], until: float) -> np.ndarray:
    """(motors,) where servos that rested at start are after these moves."""
    simulation = FaceSimulation(backlash=0.0)
    simulation.place(start)
    for (moment, there), after in zip(moves, [*(moment for moment, _ in moves[1:]), until], strict=True):
        simulation.command(there)
        simulation.advance(after - moment)
    return simulation.positions
