"""The Dynamixel bus against a byte-exact chain of servos on a pseudo-terminal, over a line that may do anything."""

import os
import pty
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motors.dynamixel_line import PATIENT, ROBOT, Line, patience

from lipsync_robot.motors import dynamixel_table as table
from lipsync_robot.motors.bus import Bus, BusError, Health
from lipsync_robot.motors.buses import too_slow
from lipsync_robot.motors.dynamixel import Dynamixel, frame_s
from lipsync_robot.motors.dynamixel_table import Register
from lipsync_robot.twin import dynamixel_frames as wire
from lipsync_robot.twin.dynamixel import Chain

MOTORS = len(ROBOT.motors)
JAW = ROBOT.names.index("jaw")
MIDDLE = ROBOT.targets(np.full(MOTORS, 0.5))
QUESTIONS = 4  # asked in turn


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line(PATIENT)
    yield line
    line.unplug()


@pytest.fixture
def patient() -> Iterator[None]:
    with patience():
        yield


@pytest.fixture
def bus(line: Line, patient: None) -> Iterator[Dynamixel]:
    bus = Dynamixel(PATIENT, line.port)
    yield bus
    bus.close()


@pytest.fixture(scope="module")
def worn() -> Iterator[tuple[Line, Dynamixel]]:
    """One line and one bus for all examples of a test."""
    line = Line(PATIENT)
    with patience():
        bus = Dynamixel(PATIENT, line.port)
    yield line, bus
    bus.close()
    line.unplug()


def eventually(condition: Callable[[], object]) -> bool:
    """The other end of a pseudo-terminal is another thread: it is waited for, not raced."""
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.01)
    return False


def health(bus: Dynamixel) -> Health:
    """All that the bus has to say, each of its questions answered anew."""
    answered = 0
    for _ in range(1000):
        bus.ask()
        time.sleep(0.01)
        said = bus.answer()
        answered = answered + 1 if said is not None else 0
        if said is not None and answered >= QUESTIONS:
            return said
    raise AssertionError("no answer")


def in_use(bus: Dynamixel) -> Dynamixel:
    bus.torque(True)
    bus.write(MIDDLE)
    return bus


def test_a_second_robot_is_described() -> None:
    assert (ROBOT.bus, MOTORS) == ("dynamixel", 7)
    reversed_ends = [motor.name for motor in ROBOT.motors if motor.ends[0] > motor.ends[1]]
    assert reversed_ends == ["lip_lower"]


def test_a_tick_of_seven_servos_is_half_a_millisecond_of_wire() -> None:
    assert frame_s(ROBOT) == pytest.approx(0.49e-3)


def test_a_line_that_answers_fill_is_too_slow() -> None:
    assert too_slow(ROBOT, rate_hz=100) == ""
    slow = replace(ROBOT, baud=57_600)  # as servos are delivered: 8.5 ms of goals, 2.6 of a question, 8.5 of one answer
    assert too_slow(slow, rate_hz=100) == "the motors of dynamixel_head take 19.6 ms of a line of 57600 baud, answers included"
    assert too_slow(slow, rate_hz=50) == ""


def test_it_is_a_bus(bus: Dynamixel) -> None:
    any_bus: Bus = bus
    assert any_bus.read() == pytest.approx(np.rint(ROBOT.targets(ROBOT.neutral)))


def test_what_is_written_is_where_the_servos_go_in_one_frame(line: Line, bus: Dynamixel) -> None:
    bus.torque(True)
    bus.read()
    line.sent = b""
    bus.write(MIDDLE)
    assert eventually(lambda: bus.read() == pytest.approx(np.rint(MIDDLE)))
    [goals] = line.heard(wire.SYNC_WRITE)
    assert len(wire.frame(*goals[:3])) == 14 + 5 * MOTORS
    assert line.outputs() == pytest.approx(np.rint(MIDDLE))


@settings(max_examples=50)
@given(positions=st.lists(st.floats(-3, 4), min_size=MOTORS, max_size=MOTORS))
def test_whatever_is_written_is_understood_and_stays_in_the_motors_range(
    worn: tuple[Line, Dynamixel], positions: list[float]
) -> None:
    line, bus = worn
    targets = ROBOT.targets(np.array(positions))
    bus.write(targets)
    low, high = np.sort(ROBOT.ends, axis=0)
    assert eventually(lambda: line.registers(table.GOAL_POSITION) == np.rint(np.clip(targets, low, high)).tolist())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_no_number_is_refused_before_anything_is_sent(line: Line, bus: Dynamixel, bad: float) -> None:
    bus.read()
    line.sent = b""
    with pytest.raises(ValueError, match="finite"):
        bus.write(np.where(np.arange(MOTORS) == JAW, bad, MIDDLE))
    bus.read()
    assert line.heard(wire.SYNC_WRITE) == []


def test_opening_sets_watchdog_and_limits_of_speed_and_moves_nothing(line: Line, patient: None) -> None:
    before = line.registers(table.PRESENT_POSITION)
    bus = Dynamixel(ROBOT, line.port)
    assert line.registers(table.TORQUE_ENABLE) == [0] * MOTORS
    assert line.registers(table.BUS_WATCHDOG) == [15] * MOTORS  # 0.3 s
    low, high = ROBOT.ends
    allowed = np.array(line.registers(table.PROFILE_VELOCITY)) * table.VELOCITY_UNIT / abs(high - low) / ROBOT.max_speed
    assert ((allowed > 1.1) & (allowed < 1.25)).all()
    accelerations = line.registers(table.PROFILE_ACCELERATION)
    assert [acceleration > 0 for acceleration in accelerations] == [name == "jaw" for name in ROBOT.names]
    assert accelerations[JAW] * table.ACCELERATION_UNIT == pytest.approx(120 * 512, rel=0.01)
    assert line.registers(table.PRESENT_POSITION) == before
    bus.close()


def test_a_slow_limit_does_not_become_none_and_a_fast_one_the_servos_own(line: Line, patient: None) -> None:
    slowest = [replace(motor, max_speed=0.1, max_acceleration=0.01, max_ticks=motor.min_ticks + 1) for motor in ROBOT.motors]
    Dynamixel(replace(PATIENT, motors=slowest), line.port).close()
    assert line.registers(table.PROFILE_VELOCITY) == line.registers(table.PROFILE_ACCELERATION) == [1] * MOTORS
    fastest = [replace(motor, max_speed=100.0, max_acceleration=10_000.0) for motor in ROBOT.motors]
    Dynamixel(replace(PATIENT, timeout_s=5.0, motors=fastest), line.port).close()
    assert line.registers(table.PROFILE_VELOCITY) == [265] * MOTORS
    assert all(0 < acceleration <= 32_767 for acceleration in line.registers(table.PROFILE_ACCELERATION))
    assert line.registers(table.BUS_WATCHDOG) == [127] * MOTORS  # the longest there is


def test_a_missing_servo_is_named_beside_those_that_answer() -> None:
    line = Line(replace(PATIENT, motors=[motor for motor in ROBOT.motors if motor.name != "jaw"]))
    says = r"jaw \(ID 5\) does not answer; found 1, 2, 6, 7, 8, 12. Check .*1000000 baud"
    with patience(1.0), pytest.raises(BusError, match=says):
        Dynamixel(PATIENT, line.port)
    line.unplug()


def test_a_port_where_nothing_answers_is_named() -> None:
    mute, terminal = pty.openpty()
    tty.setraw(terminal)
    with pytest.raises(BusError, match=r"brows \(ID 1\), .* do not answer; found none"):
        Dynamixel(ROBOT, os.ttyname(terminal))
    os.close(mute)
    os.close(terminal)


def test_a_flood_of_garbage_hangs_nothing(line: Line) -> None:
    with patience():
        bus = Dynamixel(PATIENT, line.port)
    line.damage = lambda reply: bytes(range(256)) * 40_000
    with pytest.raises(BusError, match="does not answer"):
        bus.read()
    bus.ask()
    assert bus.answer() is None
    bus.close()
    with pytest.raises(BusError, match="found none"):
        Dynamixel(PATIENT, line.port)


def test_a_port_that_cannot_be_had_is_named(line: Line, bus: Dynamixel, tmp_path: Path) -> None:
    with pytest.raises(BusError, match="another program is using it"):
        Dynamixel(ROBOT, line.port)
    with pytest.raises(BusError, match=r"/dev/ttyNONE: no such port. Plug"):
        Dynamixel(ROBOT, "/dev/ttyNONE")
    (tmp_path / "file").touch()
    with pytest.raises(BusError, match="cannot be opened as a serial port"):
        Dynamixel(ROBOT, str(tmp_path / "file"))


def test_a_baud_that_no_servo_has_is_refused_and_the_possible_ones_named(line: Line) -> None:
    with pytest.raises(BusError, match=r"baud 250000 is none of a Dynamixel's: 9600, 57600, .*4000000"):
        Dynamixel(replace(ROBOT, baud=250_000), line.port)


@pytest.mark.parametrize(
    ("register", "value", "says"),
    [
        (table.OPERATING_MODE, 1, "is in operating mode 1, which takes no positions. Set it to 3"),
        (table.DRIVE_MODE, 4, "has a time-based profile"),
        (table.MAX_POSITION_LIMIT, 2500, r"keeps itself to 0..2500 ticks, less than its range"),
        (table.VELOCITY_LIMIT, 0, "has a velocity limit of 0"),
    ],
)
def test_a_servo_that_is_set_to_something_else_is_named(
    line: Line, patient: None, register: Register, value: int, says: str
) -> None:
    line.set(register, value, JAW)
    with pytest.raises(BusError, match=rf"jaw \(ID 5\) {says}"):
        Dynamixel(PATIENT, line.port)


def test_torque_holds_the_servos_where_they_stand_whatever_was_written_before(line: Line, bus: Dynamixel) -> None:
    before = line.registers(table.PRESENT_POSITION)
    bus.write(MIDDLE)
    bus.torque(True)
    assert eventually(lambda: line.registers(table.TORQUE_ENABLE) == [1] * MOTORS)
    assert line.registers(table.GOAL_POSITION) == line.registers(table.PRESENT_POSITION) == before
    bus.torque(False)
    assert eventually(lambda: np.isnan(line.outputs()).all())


def test_a_position_of_another_turn_is_no_position(patient: None) -> None:
    turned = [replace(motor, min_ticks=9000.0, max_ticks=9500.0) if motor.name == "jaw" else motor for motor in ROBOT.motors]
    line = Line(replace(PATIENT, motors=turned))
    with pytest.raises(BusError, match=r"jaw \(ID 5\) says that it is at 9000 ticks, more than a turn away"):
        Dynamixel(PATIENT, line.port)
    line.unplug()


def test_servos_say_where_they_are_how_warm_and_how_loaded(line: Line, bus: Dynamixel) -> None:
    line.do(lambda chain, _: chain.stick(JAW, True))
    bus.torque(True)
    assert health(bus).faults == []
    assert health(bus).positions == pytest.approx(line.registers(table.PRESENT_POSITION))
    assert health(bus).temperature == pytest.approx(30, abs=1)
    bus.write(MIDDLE)
    assert eventually(lambda: health(bus).load[JAW] > 0.3)
    assert np.delete(health(bus).load, JAW) == pytest.approx(0)


def test_an_overload_is_put_into_words_the_other_servos_go_on_and_a_reboot_ends_it(line: Line, bus: Dynamixel) -> None:
    in_use(bus)
    line.do(lambda chain, _: chain.overload(JAW))
    assert eventually(lambda: health(bus).faults == ["jaw (ID 5): overload. Free what blocks it, then reboot it."])
    bus.write(ROBOT.targets(ROBOT.neutral))
    assert eventually(lambda: np.delete(line.outputs() - np.rint(ROBOT.targets(ROBOT.neutral)), JAW) == pytest.approx(0))
    bus.reboot()
    with pytest.raises(BusError, match=r"jaw \(ID 5\) restarted"):
        health(bus)
    bus.close()
    again = in_use(Dynamixel(PATIENT, line.port))
    assert health(again).faults == []
    again.close()


def test_every_hardware_error_has_its_words(line: Line, bus: Dynamixel) -> None:
    line.do(lambda chain, _: chain.set_error(0b111101))
    assert eventually(lambda: len(health(bus).faults) == 5 * MOTORS)
    assert "brows (ID 1): overheating. Let it cool, and see what it works against." in health(bus).faults


def test_servos_that_forgot_everything_in_a_brown_out_are_noticed(line: Line, bus: Dynamixel) -> None:
    in_use(bus)
    health(bus)
    line.do(Chain.restart)
    with pytest.raises(BusError, match="restarted or was switched off"):
        health(bus)


def test_a_servo_that_another_program_switched_off_is_noticed(line: Line, bus: Dynamixel) -> None:
    in_use(bus)
    health(bus)
    line.set(table.TORQUE_ENABLE, 0, JAW)
    with pytest.raises(BusError, match=r"jaw \(ID 5\) restarted or was switched off"):
        health(bus)


def test_a_silent_host_finds_its_servos_stopped_and_sets_them_up_anew(line: Line, patient: None) -> None:
    bus = in_use(Dynamixel(replace(ROBOT, timeout_s=0.1), line.port))
    assert eventually(lambda: bool(np.isfinite(line.outputs()).all()))
    time.sleep(0.5)
    with pytest.raises(BusError, match=r"stopped by itself: it heard nothing for 0.1 s"):
        health(bus)
    bus.close()
    stood = line.outputs()
    again = Dynamixel(PATIENT, line.port)
    assert line.outputs() == pytest.approx(stood)  # with torque, as they were found
    in_use(again)
    assert eventually(lambda: line.outputs() == pytest.approx(np.rint(MIDDLE)))
    assert health(again).faults == []
    again.close()


@pytest.mark.parametrize("use", ["read", "write", "torque", "ask", "answer"])
def test_whatever_is_tried_with_a_bus_that_was_unplugged_says_so(line: Line, bus: Dynamixel, use: str) -> None:
    bus.ask()
    line.unplug()
    arguments = {"write": [MIDDLE], "torque": [True]}
    with pytest.raises(BusError, match="the Dynamixels are gone"):
        getattr(bus, use)(*arguments.get(use, []))


def test_a_question_is_not_waited_for(line: Line, bus: Dynamixel) -> None:
    assert bus.answer() is None  # nothing was asked
    line.damage = lambda reply: b""
    bus.ask()
    assert bus.answer() is None
    line.damage = lambda reply: reply[:-1]
    bus.ask()
    time.sleep(0.05)
    assert bus.answer() is None
    line.damage = lambda reply: reply
    assert health(bus).faults == []


def test_every_servo_is_asked_in_turn_and_no_answer_runs_into_the_next_tick(line: Line, bus: Dynamixel) -> None:
    line.sent = b""
    health(bus)
    asked = set()
    for question in line.heard(wire.SYNC_READ)[:QUESTIONS]:
        address, length, ids = question.parameters[0], question.parameters[2], question.parameters[4:]
        assert len(ids) * (500e-6 + (11 + length) * 10 / ROBOT.baud) <= 0.005
        asked |= {(address, id) for id in ids}
    assert asked == {(address, id) for address in (64, 126) for id in ROBOT.channels}


def test_a_question_whose_answer_nobody_fetched_locks_nothing(bus: Dynamixel) -> None:
    for _ in range(3):
        bus.ask()
    bus.write(MIDDLE)
    assert bus.answer() is None
    assert np.isfinite(bus.read()).all()


@settings(max_examples=60)
@given(noise=st.binary(max_size=30).map(lambda noise: noise.replace(b"\xff", b"\xfe")), late=st.binary(max_size=8))
def test_garbage_and_answers_to_others_around_the_frames_are_passed_over(
    worn: tuple[Line, Dynamixel], noise: bytes, late: bytes
) -> None:
    line, bus = worn
    other = wire.frame(ROBOT.channels[0], wire.STATUS, b"\0" + late.ljust(5))
    line.damage = lambda reply: noise + reply.replace(wire.HEADER, noise + other + noise + wire.HEADER) + noise
    with patience():
        assert bus.read() == pytest.approx(line.registers(table.PRESENT_POSITION))
    line.damage = lambda reply: reply


@settings(max_examples=40)
@given(bit=st.integers(0, 8 * 15 * MOTORS - 1))
def test_a_bit_flipped_anywhere_is_an_error_and_never_a_position(worn: tuple[Line, Dynamixel], bit: int) -> None:
    line, bus = worn

    def flip(reply: bytes) -> bytes:
        damaged = bytearray(reply)
        damaged[bit // 8] ^= 1 << bit % 8
        return bytes(damaged)

    line.damage = flip
    with pytest.raises(BusError, match="does not answer"):
        bus.read()
    line.damage = lambda reply: reply


@settings(max_examples=25)
@given(said=st.binary(max_size=200), framed=st.booleans())
def test_nothing_that_the_far_end_says_raises_anything_else(worn: tuple[Line, Dynamixel], said: bytes, framed: bool) -> None:
    line, bus = worn
    line.damage = lambda reply: wire.frame(ROBOT.channels[0], wire.STATUS, said) if framed else wire.HEADER + said
    with pytest.raises(BusError, match="does not answer"):
        bus.read()
    bus.ask()
    time.sleep(0.002)
    assert bus.answer() is None
    line.damage = lambda reply: reply
