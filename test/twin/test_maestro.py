"""The virtual Maestro alone: bytes in, bytes out, servos that follow, and a clock that the test holds."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.motors import maestro_protocol as protocol
from lipsync_robot.motors.description import Motor, Robot
from lipsync_robot.motors.maestro_protocol import low_high, packet, set_limits, set_targets
from lipsync_robot.twin.maestro import Board


@pytest.fixture(scope="module")
def robot(robot: Robot) -> Robot:
    """The twin's, on a line without checksums: frames as they stand in the user's guide."""
    return replace(robot, crc=False)


pytestmark = pytest.mark.filterwarnings("error")  # of NumPy: a board that divides by nothing has lost its way


@st.composite
def robots(draw: st.DrawFn) -> Robot:
    """Any robot that a Maestro can drive: channels with gaps, servos turned round, one of the boards, lines and protocols."""
    board = draw(st.sampled_from(["mini", "micro"]))
    pulses = st.floats(500, 2500)
    motors = []
    for channel in draw(st.lists(st.integers(0, 5 if board == "micro" else 23), min_size=1, unique=True)):
        ends = draw(st.tuples(pulses, pulses).filter(lambda ends: abs(ends[0] - ends[1]) >= 1))
        neutral, speed = draw(st.floats(0, 1)), draw(st.floats(0.1, 100))
        acceleration = draw(st.just(0.0) | st.floats(0.1, 10_000))
        motors.append(Motor(f"m{channel}", "lower", channel, neutral, speed, acceleration, *ends))
    number = draw(st.none() | st.integers(0, 127))
    return Robot("any", "maestro", 115200, motors, board=board, crc=draw(st.booleans()), device_number=number)


@pytest.fixture
def one(robot: Robot) -> Robot:
    """A robot of one motor, on channel 2, 1000..2000 µs, home at 1000."""
    return replace(robot, motors=[replace(robot.motors[0], channel=2, neutral=0.0)])


def errors(robot: Robot, board: Board, now: float = 0.0) -> int:
    return int.from_bytes(board.feed(packet(robot, protocol.GET_ERRORS), now), "little")


def send(robot: Robot, board: Board, command: int, *data: int, now: float = 0.0) -> bytes:
    return board.feed(packet(robot, command, *data), now)


# What the host says


@settings(max_examples=200)
@given(robot=robots(), data=st.data())
def test_every_frame_of_the_host_is_understood_in_any_chunking(robot: Robot, data: st.DataObject) -> None:
    board = Board(robot, now=0.0)
    low, high = np.sort(np.array([motor.ends for motor in robot.motors])).T
    quarters = [data.draw(st.integers(int(np.ceil(4 * a)), int(4 * b))) for a, b in zip(low, high, strict=True)]
    frames = set_targets(robot, quarters) + b"".join(set_limits(robot, motor) for motor in robot.motors)
    frames += b"".join(packet(robot, protocol.GET_POSITION, channel) for channel in robot.channels)
    frames += packet(robot, protocol.GET_MOVING) + packet(robot, protocol.GET_ERRORS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(frames)), max_size=8)))
    chunks = [frames[a:b] for a, b in zip([0, *cuts], [*cuts, len(frames)], strict=True)]
    reply = b"".join(board.feed(chunk, 0.0) for chunk in chunks)
    assert reply == np.array(quarters, "<u2").tobytes() + b"\0" + b"\0\0"  # there at once, at rest, without an error
    assert_allclose(board.targets, np.array(quarters) / 4)
    channels = sorted(robot.channels)
    runs = 1 + sum(b - a > 1 for a, b in pairwise(channels))
    assert board.accepted == (len(channels) if robot.board == "micro" else runs)


def test_both_protocols_are_heard_on_one_line(one: Robot) -> None:
    board = Board(replace(one, device_number=5), now=0.0)
    send(replace(one, device_number=5), board, protocol.SET_TARGET, 2, *low_high(5000))
    assert board.targets == [1250]
    send(one, board, protocol.SET_TARGET, 2, *low_high(6000))
    assert board.targets == [1500]
    assert errors(one, board) == 0


@pytest.mark.parametrize("crc", [False, True])
def test_what_is_said_to_another_device_is_not_heard(one: Robot, crc: bool) -> None:
    one = replace(one, crc=crc, timeout_s=1.0)
    board = Board(one, now=0.0)
    for command in (protocol.SET_TARGET, 0x80 | 0x3C):  # 0x3C: of devices that are no Maestro
        assert send(replace(one, device_number=5), board, command, 2, *low_high(6000), now=0.9) == b""
    assert board.accepted == 0
    assert errors(one, board, now=0.95) == 0
    send(replace(one, device_number=5), board, protocol.GET_ERRORS, now=1.9)
    assert errors(one, board, now=2.0) == protocol.TIMEOUT_ERROR  # nor does it end a silence


def test_a_board_without_a_number_of_its_own_has_the_one_it_is_delivered_with(one: Robot) -> None:
    board = Board(one, now=0.0)
    board.feed(bytes([0xAA, 0x0C, 0x04, 0x02, 0x70, 0x2E]), 0.0)  # as in the user's guide, but for the channel
    assert board.targets == [1500]


def test_a_channel_without_a_motor_is_of_no_consequence(one: Robot) -> None:
    board = Board(one, now=0.0)
    send(one, board, protocol.SET_TARGETS, 3, 1, *low_high(6000) * 3)
    send(one, board, protocol.SET_SPEED, 0, *low_high(1))
    assert board.targets == [1500]
    assert send(one, board, protocol.GET_POSITION, 1) == b"\0\0"
    assert errors(one, board) == 0


# What goes wrong on the line

PIECES = st.sampled_from([*range(0x80, 0xA3), 0xAA, 0xFF]) | st.integers(0, 24) | st.integers(0, 127)


@settings(max_examples=300)
@given(robot=robots(), chunks=st.lists(st.tuples(st.lists(PIECES, max_size=40) | st.binary(max_size=40), st.floats(0, 0.5))))
def test_no_bytes_raise_or_move_a_servo_out_of_its_range(robot: Robot, chunks: list) -> None:
    board, now = Board(robot, now=0.0), 0.0
    low, high = np.sort(np.array([motor.ends for motor in robot.motors])).T
    for received, elapsed in chunks:
        now += elapsed
        board.feed(bytes(received), now)
        for pulses in (board.targets, board.outputs(now)):
            assert (np.isnan(pulses) | ((low <= pulses) & (pulses <= high))).all()
    errors(robot, board, now)
    assert send(robot, board, protocol.GET_ERRORS, now=now) == b"\0\0"  # whatever was under way, it recovers


def flipped(frame: bytes, bit: int) -> bytes:
    return (int.from_bytes(frame, "little") ^ 1 << bit).to_bytes(len(frame), "little")


@settings(max_examples=200)
@given(robot=robots(), command=st.sampled_from([protocol.SET_TARGET, protocol.SET_SPEED]), number=st.integers(0, 0x3FFF))
def test_no_flipped_bit_passes_the_checksum(robot: Robot, command: int, number: int) -> None:
    robot = replace(robot, crc=True)
    board = Board(robot, now=0.0)
    home = board.targets
    frame = packet(robot, command, robot.channels[0], *low_high(number))
    # Makes the compact command of the Pololu one, in a frame of its own: with device number 67 it has the same checksum, and it
    # means the same. And of some device numbers one bit makes a compact command, shorter by two bytes: one frame in 128 then
    # holds its checksum where that is looked for.
    compact = set() if robot.device_number is None else {8 * 2 + 7, 8 * 1 + 7}
    for bit in set(range(8 * len(frame))) - compact:
        board.feed(flipped(frame, bit), 0.0)
        errors(robot, board)  # ends what may be unfinished
    assert_allclose(board.targets, home)
    send(robot, board, protocol.SET_TARGET, robot.channels[0], *low_high(10_000))
    assert board.accepted == 1
    assert_allclose(board.outputs(0.0), board.targets)  # at once: no limit was set either


def test_no_flipped_bit_of_a_frame_for_eleven_passes(robot: Robot) -> None:
    robot = replace(robot, crc=True)
    board = Board(robot, now=0.0)
    frame = set_targets(robot, list(range(4100, 7950, 350)))
    for bit in range(8 * len(frame)):
        board.feed(flipped(frame, bit), 0.0)
        board.feed(packet(robot, protocol.GO_HOME), 0.0)
        assert errors(robot, board) & (protocol.CRC_ERROR | protocol.PROTOCOL_ERROR)
    assert board.accepted == 0


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ([0x84, 2, 0], protocol.PROTOCOL_ERROR),  # cut short by the next command
        ([0x84, 2, 0, 0, 0], protocol.PROTOCOL_ERROR),  # a byte too many
        ([0xFE], protocol.PROTOCOL_ERROR),  # no command
        ([0x84, 12, 0, 0], protocol.PROTOCOL_ERROR),  # no channel of this board's
        ([0x9F, 3, 10, 0, 0, 0, 0, 0, 0], protocol.PROTOCOL_ERROR),  # nor the last of these
        ([0x9F, 0, 0], protocol.PROTOCOL_ERROR),  # nothing
        ([0xAA, 0xAA], protocol.PROTOCOL_ERROR),
        ([], 0),
    ],
)
def test_what_makes_no_sense_is_a_protocol_error(robot: Robot, received: list[int], expected: int) -> None:
    board = Board(robot, now=0.0)
    board.feed(bytes(received), 0.0)
    assert errors(robot, board) == expected
    assert errors(robot, board) == 0  # reading clears


def test_a_wrong_checksum_has_an_error_of_its_own(one: Robot) -> None:
    one = replace(one, crc=True)
    board = Board(one, now=0.0)
    board.feed(bytes([0x84, 2, 0, 0, 0x7F]), 0.0)
    assert errors(one, board) == protocol.CRC_ERROR
    assert board.accepted == 0


def test_a_micro_knows_no_frame_for_several(one: Robot) -> None:
    board = Board(replace(one, board="micro"), now=0.0)
    send(one, board, protocol.SET_TARGETS, 1, 2, *low_high(6000))
    assert errors(one, board) == protocol.PROTOCOL_ERROR
    assert board.accepted == 0


# What the servos do


@pytest.mark.parametrize("turned", [False, True])
def test_a_target_is_kept_within_the_channels_range(one: Robot, turned: bool) -> None:
    if turned:
        one = replace(one, motors=[replace(one.motors[0], min_us=2000.0, max_us=1000.0)])
    board = Board(one, now=0.0)
    for quarters, kept in ((1, 1000), (16383, 2000)):
        send(one, board, protocol.SET_TARGET, 2, *low_high(quarters))
        assert board.targets == [kept]


@pytest.mark.parametrize(
    ("command", "limit", "to_us", "seconds"),
    [  # as Pololu's user's guide has them
        (protocol.SET_SPEED, 140, 1350.0, 0.1),
        (protocol.SET_SPEED, 1, 2000.0, 40.0),
        (protocol.SET_ACCELERATION, 1, 2000.0, 3.58),  # "about 3 seconds": 1000 µs at 312.5 µs/s², half of them braking
    ],
)
def test_a_limited_servo_takes_the_time_of_the_users_guide(
    one: Robot, command: int, limit: int, to_us: float, seconds: float
) -> None:
    one = replace(one, timeout_s=100.0)
    board = Board(one, now=0.0)
    send(one, board, command, 2, *low_high(limit))
    send(one, board, protocol.SET_TARGET, 2, *low_high(round(4 * to_us)))
    assert board.outputs(0.97 * seconds) < to_us
    assert send(one, board, protocol.GET_MOVING, now=0.97 * seconds) == b"\1"
    assert board.outputs(1.03 * seconds) == to_us
    assert send(one, board, protocol.GET_MOVING, now=1.03 * seconds) == b"\0"


LIMITS = st.tuples(st.integers(1, 2000), st.integers(0, 255))
MOVES = st.lists(st.tuples(st.integers(4000, 8000), st.floats(0.001, 0.25)), max_size=30)


@given(limits=LIMITS, moves=MOVES)
def test_no_servo_is_faster_or_leaves_its_range_whatever_is_asked(robot: Robot, limits: tuple[int, int], moves: list) -> None:
    board, now, before = Board(robot, now=0.0), 0.0, robot.targets(robot.neutral)
    for channel in robot.channels:
        send(robot, board, protocol.SET_SPEED, channel, *low_high(limits[0]))
        send(robot, board, protocol.SET_ACCELERATION, channel, *low_high(limits[1]))
    for quarters, elapsed in moves:
        board.feed(set_targets(robot, [quarters] * 11), now)
        now += elapsed
        after = board.outputs(now)
        assert (np.abs(after - before) <= limits[0] * protocol.SPEED_UNIT * elapsed + 1e-6).all()
        assert ((after >= 1000) & (after <= 2000)).all()
        before = after


def test_a_limited_servo_starts_gently_and_stops_at_its_target(one: Robot) -> None:
    board = Board(replace(one, timeout_s=100.0), now=0.0)
    send(one, board, protocol.SET_SPEED, 2, *low_high(80))  # 2000 µs/s
    send(one, board, protocol.SET_ACCELERATION, 2, *low_high(32))  # 10 000 µs/s²
    send(one, board, protocol.SET_TARGET, 2, *low_high(8000))
    moments = np.arange(0, 1.0, 0.01)
    speed = np.diff([board.outputs(now)[0] for now in moments]) / 0.01
    assert speed.max() == pytest.approx(2000, rel=0.01)
    assert np.abs(np.diff(speed)).max() <= 10_000 * 0.01 + 50  # a step's worth of rounding at the stop
    assert (speed >= 0).all()


def test_a_servo_that_was_off_jumps(one: Robot) -> None:
    board = Board(one, now=0.0)
    send(one, board, protocol.SET_SPEED, 2, *low_high(1))
    send(one, board, protocol.SET_TARGET, 2, 0, 0)
    assert np.isnan(board.outputs(0.1)).all()
    assert send(one, board, protocol.GET_POSITION, 2) == b"\0\0"
    send(one, board, protocol.SET_TARGET, 2, *low_high(6000))
    assert send(one, board, protocol.GET_POSITION, 2) == (6000).to_bytes(2, "little")


def test_a_stuck_servo_stays_where_it_is_and_the_board_does_not_feel_it(one: Robot) -> None:
    board = Board(one, now=0.0)
    board.overload(0)
    send(one, board, protocol.SET_TARGET, 2, *low_high(6000))
    assert board.outputs(0.1) == [1000]
    assert send(one, board, protocol.GET_POSITION, 2) == (6000).to_bytes(2, "little")
    assert errors(one, board) == 0
    board.stick(0, False)
    assert board.outputs(0.1) == [1500]


# What brings them home


def test_silence_is_an_error_once_and_sends_the_servos_home_at_their_speed(one: Robot) -> None:
    board = Board(one, now=0.0)
    send(one, board, protocol.SET_TARGET, 2, *low_high(8000))
    send(one, board, protocol.SET_SPEED, 2, *low_high(100))  # 2500 µs/s
    assert board.outputs(one.timeout_s) == [2000]
    assert board.outputs(one.timeout_s + 0.1) == pytest.approx([1750])  # from the moment it was due
    assert board.outputs(one.timeout_s + 1.0) == [1000]
    assert errors(one, board, now=5.0) == protocol.TIMEOUT_ERROR
    assert errors(one, board, now=5.1) == 0


def test_silence_from_power_up_counts(one: Robot) -> None:
    assert errors(one, Board(one, now=3.0), now=3.2) == 0
    assert errors(one, Board(one, now=3.0), now=3.4) == protocol.TIMEOUT_ERROR


def test_garbage_does_not_end_a_silence(one: Robot) -> None:
    board = Board(one, now=0.0)
    for now in (0.1, 0.2, 0.3, 0.4):
        board.feed(b"\xfe\x84", now)
    assert errors(one, board, now=0.4) & protocol.TIMEOUT_ERROR


@pytest.mark.parametrize("bit", range(9))
def test_every_error_sends_the_servos_home(one: Robot, bit: int) -> None:
    board = Board(one, now=0.0)
    send(one, board, protocol.SET_TARGET, 2, 0, 0)
    board.set_error(1 << bit)
    assert board.targets == [1000]
    assert errors(one, board) == 1 << bit


def test_go_home_is_no_error(robot: Robot) -> None:
    board = Board(robot, now=0.0)
    board.feed(set_targets(robot, [8000] * 11), 0.0)
    send(robot, board, protocol.GO_HOME)
    assert_allclose(board.targets, robot.targets(robot.neutral))
    assert errors(robot, board) == 0


def test_a_brown_out_forgets_all_but_home(one: Robot) -> None:
    board = Board(one, now=0.0)
    send(one, board, protocol.SET_SPEED, 2, *low_high(1))
    send(one, board, protocol.SET_TARGET, 2, *low_high(8000))
    board.set_error(1)
    board.feed(bytes([0x84, 2]), 0.0)
    board.restart(10.0)
    assert board.outputs(10.0) == [1000]
    assert errors(one, board, now=10.0) == 0
    assert board.accepted == 0
    send(one, board, protocol.SET_TARGET, 2, *low_high(6000), now=10.0)
    assert board.outputs(10.0) == [1500]
