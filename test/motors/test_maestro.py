"""The Maestro's frames, and the bus that sends them to a byte-exact board on a real pseudo-terminal."""

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.motors import maestro, maestro_protocol
from lipsync_robot.motors.bus import BusError
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.maestro import Maestro
from lipsync_robot.motors.maestro_protocol import packet, set_targets
from lipsync_robot.twin.maestro import Board


@pytest.fixture(scope="module")
def robot(robot: Robot) -> Robot:
    """The twin's, on a line without checksums: frames as they stand in the user's guide."""
    return replace(robot, crc=False)


# The frames


def having(robot: Robot, *channels: int, **changes: object) -> Robot:
    """That robot with fewer motors, on these channels."""
    motors = [replace(motor, channel=channel) for motor, channel in zip(robot.motors, channels, strict=False)]
    return replace(robot, motors=motors, **changes)


def test_the_frames_are_those_of_the_users_guide(robot: Robot) -> None:
    assert set_targets(having(robot, 3, 4), [0, 6000]) == bytes([0x9F, 0x02, 0x03, 0x00, 0x00, 0x70, 0x2E])
    assert set_targets(having(robot, 2, board="micro"), [6000]) == bytes([0x84, 0x02, 0x70, 0x2E])
    assert packet(robot, 0x87, 0x05, *maestro_protocol.low_high(140)) == bytes([0x87, 0x05, 0x0C, 0x01])


def test_the_pololu_protocol_names_the_device(robot: Robot) -> None:
    numbered = having(robot, 0, board="micro", device_number=12)
    assert set_targets(numbered, [6000]) == bytes([0xAA, 0x0C, 0x04, 0x00, 0x70, 0x2E])


def test_the_checksum_is_that_of_the_users_guide(robot: Robot) -> None:
    assert packet(replace(robot, crc=True), 0x83, 0x01) == bytes([0x83, 0x01, 0x17])


def test_eleven_servos_are_one_frame(robot: Robot) -> None:
    assert len(set_targets(robot, [6000] * 11)) == 3 + 2 * 11


def test_channels_in_a_row_share_a_frame_in_whatever_order_the_motors_are(robot: Robot) -> None:
    assert set_targets(having(robot, 7, 3, 2), [4, 5, 6]) == bytes([0x9F, 2, 2, 6, 0, 5, 0, 0x9F, 1, 7, 4, 0])


def test_a_frame_takes_ten_bits_a_byte_of_the_line(robot: Robot) -> None:
    assert maestro_protocol.frame_s(robot) == pytest.approx(25 * 10 / 115200)
    assert maestro_protocol.frame_s(replace(robot, board="micro", baud=9600)) == pytest.approx(44 * 10 / 9600)


def test_the_boards_speed_is_a_little_above_the_guards(robot: Robot) -> None:
    for motor in robot.motors:
        per_second = maestro_protocol.speed_limit(motor) * 25 / 1000  # ranges of 1000 µs
        assert 1.2 * motor.max_speed <= per_second <= 1.2 * motor.max_speed + 0.05


def test_no_limit_is_rounded_to_none(robot: Robot) -> None:
    crawling = replace(robot.motors[0], max_us=1001.0, max_speed=0.1, max_acceleration=0.1)
    assert (maestro_protocol.speed_limit(crawling), maestro_protocol.acceleration_limit(crawling)) == (1, 1)
    sharp = replace(robot.motors[0], max_speed=100.0, max_acceleration=10_000.0)
    assert maestro_protocol.acceleration_limit(sharp) == 255
    assert maestro_protocol.acceleration_limit(replace(sharp, max_acceleration=0.0)) == 0


def test_what_cannot_be_an_error_register_is_none() -> None:
    assert maestro_protocol.errors(b"\x20\x01") == 0x120
    assert [maestro_protocol.errors(reply) for reply in (b"", b"\0", b"\0\0\0", b"\0\x02")] == [None] * 4


# The bus


class Line:
    """A board that nobody has spoken to for long, at the far end of a real pseudo-terminal.

    Its clock stands still but for what a test lets pass.
    """

    def __init__(self, board: Board) -> None:
        self.board, self.now = board, 10.0
        self._near, self._far = pty.openpty()
        tty.setraw(self._far)
        self.port = os.ttyname(self._far)
        self._thread = threading.Thread(target=self._serve)
        self._unplugged = threading.Event()
        self._thread.start()

    def disturb(self, noise: bytes) -> None:
        """Bytes towards the host that the board has not sent."""
        os.write(self._near, noise)

    def unplug(self) -> None:
        if not self._unplugged.is_set():
            self._unplugged.set()
            self._thread.join()
            os.close(self._near)
            os.close(self._far)

    def _serve(self) -> None:
        while not self._unplugged.is_set():
            if select.select([self._near], [], [], 0.01)[0]:
                os.write(self._near, self.board.feed(os.read(self._near, 4096), self.now))


def eventually(condition: Callable[[], bool]) -> bool:
    """The other end of a pseudo-terminal is another thread: it is waited for, not raced."""
    give_up = time.monotonic() + 30
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.001)
    return True


@pytest.fixture
def plug(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Robot], Line]]:
    """Plugs a robot's board in; on a busy machine it is given longer to answer than a real one."""
    monkeypatch.setattr(maestro, "REPLY_S", 10.0)
    lines: list[Line] = []

    def plugged(robot: Robot) -> Line:
        lines.append(Line(Board(robot, now=0.0)))
        return lines[-1]

    yield plugged
    for line in lines:
        line.unplug()


@pytest.fixture
def line(robot: Robot, plug: Callable[[Robot], Line]) -> Line:
    return plug(robot)


@pytest.fixture
def bus(robot: Robot, line: Line) -> Iterator[Maestro]:
    opened = Maestro(robot, line.port)
    yield opened
    opened.close()


def taken(line: Line, frames: int) -> bool:
    return eventually(lambda: line.board.accepted == frames)


def answered(bus: Maestro) -> list[str]:
    """The faults that an answer names once it is there."""
    answers = []
    assert eventually(lambda: answers.append(bus.answer()) or answers[-1] is not None)
    return list(answers[-1].faults)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crc": True},
        {"device_number": 5},
        {"device_number": 0, "crc": True},
        {"baud": 300},
        {"baud": 12345},
        {"baud": 200_000},
    ],
    ids=str,
)
def test_what_is_written_is_what_the_servos_get(robot: Robot, plug: Callable[[Robot], Line], changes: dict) -> None:
    robot = replace(robot, **changes)
    line = plug(robot)
    bus = Maestro(robot, line.port)
    targets = robot.targets(np.linspace(0.05, 0.95, 11))
    bus.write(targets)
    assert taken(line, 1)
    assert_allclose(line.board.targets, targets, atol=0.125)  # a quarter µs of resolution
    line.now += 0.2  # s: the longest way at the speed limit
    assert_allclose(bus.read(), targets, atol=0.125)
    bus.ask()
    assert answered(bus) == []
    bus.close()


def test_a_micro_is_spoken_to_one_servo_a_frame(robot: Robot, plug: Callable[[Robot], Line]) -> None:
    robot = having(robot, 5, 0, 3, board="micro")
    line = plug(robot)
    bus = Maestro(robot, line.port)
    bus.write(np.array([1100.0, 1200.0, 1300.0]))
    assert taken(line, 3)
    assert_allclose(line.board.targets, [1100, 1200, 1300])
    bus.ask()
    assert answered(bus) == []
    bus.close()


def test_no_target_leaves_its_motors_range_whatever_the_caller_says(robot: Robot, plug: Callable[[Robot], Line]) -> None:
    turned = [replace(motor, min_us=2000.0, max_us=1000.0) for motor in robot.motors[:5]]
    robot = replace(robot, motors=turned + robot.motors[5:])
    unlimited = [replace(motor, min_us=500.0, max_us=2500.0) for motor in robot.motors]
    line = plug(replace(robot, motors=unlimited))  # a board that would let it pass
    bus = Maestro(robot, line.port)
    for target, kept in ((0.0, 1000.0), (1e9, 2000.0)):
        bus.write(np.full(11, target))
        assert eventually(lambda kept=kept: bool((line.board.targets == kept).all()))
    bus.close()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_before_anything_is_sent(robot: Robot, line: Line, bus: Maestro, bad: float) -> None:
    targets = robot.targets(np.ones(11))
    targets[10] = bad
    with pytest.raises(ValueError, match="finite"):
        bus.write(targets)
    bus.ask()
    assert answered(bus) == []
    assert line.board.accepted == 0


def test_without_torque_servos_are_limp_until_the_next_target(robot: Robot, line: Line, bus: Maestro) -> None:
    bus.torque(False)
    assert np.isnan(bus.read()).all()
    bus.torque(True)
    assert np.isnan(bus.read()).all()
    bus.write(robot.targets(np.full(11, 0.3)))
    assert_allclose(bus.read(), 1300)  # a board that knows not where a servo is sends it there at once


def test_the_boards_complaints_come_once_and_in_words(line: Line, bus: Maestro) -> None:
    assert bus.answer() is None  # nobody asked
    line.board.set_error(maestro_protocol.PROTOCOL_ERROR | maestro_protocol.TIMEOUT_ERROR)
    bus.ask()
    assert answered(bus) == ["serial protocol error: a byte was lost or garbled", "serial timeout: the host went silent"]
    bus.ask()
    assert answered(bus) == []


def test_what_a_maestro_cannot_measure_is_not_a_number(line: Line, bus: Maestro) -> None:
    bus.ask()
    assert eventually(lambda: bus._serial.in_waiting == 2)
    health = bus.answer()
    assert health is not None
    assert np.isnan([health.positions, health.temperature, health.load]).all()


@pytest.mark.parametrize(("noise", "bytes_waiting"), [(b"\0", 3), (b"\0\0", 4)])
def test_a_damaged_answer_is_none_and_does_not_spoil_the_next(
    line: Line, bus: Maestro, noise: bytes, bytes_waiting: int
) -> None:
    bus.ask()
    line.disturb(noise)
    assert eventually(lambda: bus._serial.in_waiting == bytes_waiting)
    assert bus.answer() is None
    bus.ask()
    assert answered(bus) == []


def test_an_answer_with_bits_that_no_register_has_is_none(line: Line, bus: Maestro) -> None:
    line.disturb(b"\0\x80")
    assert eventually(lambda: bus._serial.in_waiting == 2)
    assert bus.answer() is None


def test_half_an_answer_is_waited_for(line: Line, bus: Maestro) -> None:
    line.board = SimpleNamespace(feed=lambda *_: b"")  # what is disturbed below is all that comes
    bus.ask()
    line.disturb(b"\x10")
    assert eventually(lambda: bus._serial.in_waiting == 1)
    assert bus.answer() is None
    line.disturb(b"\0")
    assert answered(bus) == ["serial protocol error: a byte was lost or garbled"]


def test_a_board_that_a_brown_out_has_reset_gets_its_limits_again(robot: Robot, line: Line, bus: Maestro) -> None:
    line.board.restart(line.now)
    for _ in robot.motors:
        bus.ask()
        answered(bus)
    before = line.board.outputs(line.now)
    bus.write(robot.targets(np.ones(11)))
    assert taken(line, 1)
    moved = np.abs(line.board.outputs(line.now + 0.01) - before)
    assert (moved <= 1.2 * robot.max_speed * 1000 * 0.01 + 0.5).all()


def test_a_board_that_has_noticed_the_silence_before_is_a_fail_safe_one(robot: Robot, line: Line) -> None:
    bus = Maestro(robot, line.port)
    assert bus.when_silent == "home"
    bus.ask()
    assert answered(bus) == []  # it was not our silence
    line.now += 10.0
    bus.ask()
    assert answered(bus) == ["serial timeout: the host went silent"]
    bus.close()


def test_a_board_that_was_just_spoken_to_is_put_to_the_test(robot: Robot, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def passes(seconds: float) -> None:
        line.now += seconds

    line.now = 0.0
    monkeypatch.setattr(maestro, "time", SimpleNamespace(sleep=passes, monotonic=time.monotonic))
    bus = Maestro(robot, line.port)
    assert bus.when_silent == "home"
    bus.ask()
    assert answered(bus) == []
    bus.close()


def test_a_board_that_never_notices_is_no_fail_safe_one(robot: Robot, line: Line) -> None:
    line.now = 0.0  # and stays so
    bus = Maestro(robot, line.port)
    assert bus.when_silent == "nothing"
    bus.close()


def test_a_second_program_cannot_have_the_port(robot: Robot, line: Line, bus: Maestro) -> None:
    with pytest.raises(BusError, match="another program is using it"):
        Maestro(robot, line.port)


def test_a_missing_port_is_named(robot: Robot) -> None:
    with pytest.raises(BusError, match="/dev/ttyNONE: no such port"):
        Maestro(robot, "/dev/ttyNONE")


def test_what_is_no_serial_port_is_named(robot: Robot) -> None:
    with pytest.raises(BusError, match="/dev/null: cannot be opened as a serial port"):
        Maestro(robot, "/dev/null")


@pytest.mark.parametrize("boards", [{"crc": True}, {"device_number": 7}])
def test_a_board_that_does_not_answer_is_told_apart(robot: Robot, boards: dict) -> None:
    line = Line(Board(replace(robot, **boards), now=0.0))
    hosts = replace(robot, device_number=8) if "device_number" in boards else robot
    with pytest.raises(BusError, match=r"does not answer like a Maestro.*baud, CRC and device number"):
        Maestro(hosts, line.port)
    line.unplug()


def test_a_board_that_knows_no_checksums_is_told_apart(robot: Robot, line: Line) -> None:
    with pytest.raises(BusError, match=r"does not understand.*a byte was lost or garbled.*CRC must be as in"):
        Maestro(replace(robot, crc=True), line.port)


def test_a_channel_that_is_no_servo_is_named(robot: Robot, plug: Callable[[Robot], Line]) -> None:
    inputs = [replace(motor, min_us=0.0, max_us=255.0) for motor in robot.motors]  # a voltage, as a Maestro reads it
    with pytest.raises(BusError, match="channel 0 is at 102 µs, which no servo is"):
        Maestro(robot, plug(replace(robot, motors=inputs)).port)


def test_an_unplugged_board_is_gone_for_every_method(line: Line, bus: Maestro) -> None:
    line.unplug()
    for method in (bus.read, bus.ask, bus.answer, lambda: bus.write(np.full(11, 1500.0)), lambda: bus.torque(False)):
        with pytest.raises(BusError, match="the Maestro is gone"):
            method()


def test_an_answer_that_is_due_is_not_taken_for_a_position(robot: Robot, line: Line, bus: Maestro) -> None:
    bus.ask()
    assert bus.read() == pytest.approx(robot.targets(robot.neutral), abs=0.125)
    assert bus.answer() is None


def test_answers_to_questions_of_a_host_before_are_waited_out(robot: Robot, line: Line) -> None:
    line.disturb(bytes(2))  # no errors: as a position it would be a servo that is off
    bus = Maestro(robot, line.port)
    assert bus.read() == pytest.approx(robot.targets(robot.neutral), abs=0.125)
    bus.close()
