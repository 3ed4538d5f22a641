"""The serial driver against a byte-exact board on a pseudo-terminal."""

import os
import pty
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_robot.motors import maestro
from lipsync_robot.motors.bus import BusError
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.driver import Driver
from lipsync_robot.motors.schedule import Pose
from lipsync_robot.twin.maestro import Board, VirtualMaestro


@pytest.fixture
def board(robot: Robot, tmp_path: Path) -> Iterator[VirtualMaestro]:
    virtual = VirtualMaestro(robot, tmp_path / "port")
    yield virtual
    virtual.close()


def opened(robot: Robot, port: Path) -> maestro.Maestro:
    return maestro.Maestro(str(port), robot.baud, [motor.channel for motor in robot.motors])


def eventually(condition: Callable[[], bool]) -> bool:
    """The other end of a pseudo-terminal is another thread: it is waited for, not raced."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_the_frames_of_the_users_guide() -> None:
    assert maestro.set_targets([2], [1500.0]) == bytes([0x9F, 1, 2, 0x70, 0x2E])
    assert maestro.set_targets([0, 1], [1500.0, 1000.25]) == bytes([0x9F, 2, 0, 0x70, 0x2E, 0x21, 0x1F])
    assert maestro.set_targets([0, 5], [1500.0, 1500.0]) == bytes([0x84, 0, 0x70, 0x2E, 0x84, 5, 0x70, 0x2E])


def test_eleven_servos_are_one_frame(robot: Robot) -> None:
    frame = maestro.set_targets([motor.channel for motor in robot.motors], list(robot.targets(robot.neutral)))
    assert len(frame) == 3 + 2 * 11
    assert all(byte < 0x80 for byte in frame[1:])  # only the command byte has its top bit set


def test_what_is_written_is_what_the_servos_get(robot: Robot, board: VirtualMaestro) -> None:
    bus = opened(robot, board.port)
    positions = np.linspace(0.05, 0.95, 11)
    bus.write(list(robot.targets(positions)))
    assert bus.read() == pytest.approx(list(robot.targets(positions)), abs=0.125)  # a quarter µs of resolution
    assert board.positions == pytest.approx(positions, abs=2e-4)
    assert bus.errors() == 0
    bus.close()


def test_a_second_program_cannot_have_the_port(robot: Robot, board: VirtualMaestro) -> None:
    bus = opened(robot, board.port)
    with pytest.raises(BusError, match="another program is using it"):
        opened(robot, board.port)
    bus.close()


def test_a_port_that_is_no_maestro_is_told_apart(robot: Robot) -> None:
    mute, terminal = pty.openpty()
    tty.setraw(terminal)
    with pytest.raises(BusError, match="does not answer like a Maestro"):
        opened(robot, Path(os.ttyname(terminal)))
    os.close(mute)
    os.close(terminal)


def test_a_missing_port_is_named(robot: Robot) -> None:
    with pytest.raises(BusError, match="/dev/ttyNONE: no such port"):
        opened(robot, Path("/dev/ttyNONE"))


def test_a_lost_byte_is_reported_and_the_servos_go_home(robot: Robot, board: VirtualMaestro) -> None:
    bus = opened(robot, board.port)
    bus.write(list(robot.targets(np.ones(11))))
    bus._serial.write(bytes([maestro.SET_TARGET, 3]))  # cut short
    errors = bus.errors()
    assert maestro.words(errors) == ["serial protocol error: a byte was lost or garbled"]
    assert board.positions == pytest.approx(robot.neutral, abs=2e-4)
    bus.close()


@settings(max_examples=300)
@given(chunks=st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_bring_the_board_down(chunks: list[bytes]) -> None:
    board = Board({channel: 6000 for channel in range(11)})
    for chunk in chunks:
        board.feed(chunk)
    assert set(board.targets) == set(range(11))
    assert all(0 <= target < 1 << 14 for target in board.targets.values())
    board.feed(bytes([maestro.GET_ERRORS]) * 2)
    assert board.feed(bytes([maestro.GET_ERRORS])) == b"\0\0"  # reading clears


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
    before.write(list(robot.targets(left)))
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
    assert driver.errors() == []
    os.write(os.open(board.port, os.O_WRONLY | os.O_NOCTTY), bytes([maestro.SET_TARGET, 3]))
    assert eventually(lambda: driver.errors() == ["serial protocol error: a byte was lost or garbled"])
    driver.close()
