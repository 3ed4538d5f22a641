"""The driver against a byte-exact board on a pseudo-terminal."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.motors import maestro
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.driver import Driver
from lipsync_robot.motors.maestro import Maestro
from lipsync_robot.motors.maestro_protocol import SET_TARGET
from lipsync_robot.motors.schedule import Pose
from lipsync_robot.twin.maestro import VirtualMaestro


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maestro, "REPLY_S", 10.0)


@pytest.fixture
def robot(robot: Robot) -> Robot:
    return replace(robot, timeout_s=100.0)  # on a busy machine nobody is called silent


@pytest.fixture
def board(robot: Robot, tmp_path: Path) -> Iterator[VirtualMaestro]:
    virtual = VirtualMaestro(robot, tmp_path / "port")
    yield virtual
    virtual.close()


def opened(robot: Robot, port: Path) -> Maestro:
    return Maestro(robot, str(port))


def eventually(condition: Callable[[], bool]) -> bool:
    """The other end of a pseudo-terminal is another thread: it is waited for, not raced."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_the_driver_finds_a_board_that_comes_late_and_one_that_comes_back(robot: Robot, tmp_path: Path) -> None:
    port = tmp_path / "port"
    driver = Driver(robot, lambda: opened(robot, port), now=0.0)
    assert driver.tick(0.0) is None
    assert "no such port" in driver.fault
    assert driver.tick(0.01) is None  # waits before it tries again
    for now in (10.0, 20.0):
        plugged = VirtualMaestro(robot, port)
        driver.command(Pose(now, now + 0.3, now, np.full(11, 0.9)), now)
        sent = [driver.tick(now + step) for step in (0.0, 0.1, 0.2)]
        assert sent[-1] is not None
        assert driver.fault == ""
        assert eventually(lambda board=plugged: bool(board.positions.max() > 0.8))
        plugged.close()
        gone = [driver.tick(now + 0.3 + step / 100) for step in range(5)]
        assert gone[-1] is None
        assert "gone" in driver.fault
    driver.close()


def test_an_expired_command_never_reaches_the_wire(robot: Robot, board: VirtualMaestro) -> None:
    driver = Driver(robot, lambda: opened(robot, board.port), now=0.0)
    assert not driver.command(Pose(1.0, 1.25, 1.0, np.ones(11)), now=2.0)
    assert driver.tick(2.0).positions == pytest.approx(robot.neutral)
    driver.close()


def test_a_driver_takes_up_its_servos_where_it_finds_them(robot: Robot, board: VirtualMaestro) -> None:
    before = opened(robot, board.port)
    left = np.full(11, 0.9)
    before.write(robot.targets(left))
    assert eventually(lambda: bool(board.positions.min() > 0.8))
    before.close()  # killed in mid-speech
    driver = Driver(robot, lambda: opened(robot, board.port), now=0.0)
    assert (np.abs(driver.tick(0.01).positions - left) <= robot.max_speed * 0.03 + 1e-3).all()
    driver.close()


def test_a_stopped_driver_takes_no_further_command(robot: Robot, board: VirtualMaestro) -> None:
    driver = Driver(robot, lambda: opened(robot, board.port), now=0.0)
    driver.command(Pose(1.0, 9.0, 1.0, np.ones(11)), now=0.5)
    for now in np.arange(0.5, 1.2, 0.01):
        driver.tick(now)
    driver.stop()
    assert not driver.command(Pose(1.3, 9.0, 1.3, np.ones(11)), now=1.2)
    for now in np.arange(1.2, 1.2 + driver.longest_way_home_s, 0.01):
        driver.tick(now)
    assert driver.at_neutral
    assert eventually(lambda: board.positions == pytest.approx(robot.neutral, abs=0.01))
    driver.close()


def test_the_boards_complaints_are_passed_on_in_words(robot: Robot, board: VirtualMaestro) -> None:
    driver = Driver(robot, lambda: opened(robot, board.port), now=0.0)
    assert driver.errors() == ["not connected yet"]
    driver.tick(0.0)
    os.write(os.open(board.port, os.O_WRONLY | os.O_NOCTTY), bytes([SET_TARGET, 3]))
    driver.errors()  # asks
    time.sleep(1.0)  # as the node does: to ask again before the answer is there would lose it
    assert "serial protocol error: a byte was lost or garbled" in driver.errors()
    driver.close()
