"""The virtual chain: bytes as in ROBOTIS' e-manual, servos that move, stop, overload and forget. Time is passed in."""

import itertools

import numpy as np
import pytest
from dynamixel_sdk import Protocol2PacketHandler
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.motors import description
from lipsync_robot.motors import dynamixel_table as table
from lipsync_robot.motors.dynamixel_table import Register
from lipsync_robot.resources import resource
from lipsync_robot.twin import dynamixel_frames as wire
from lipsync_robot.twin.dynamixel import (
    ACCESS_ERROR,
    ALERT,
    CRC_ERROR,
    DATA_LENGTH_ERROR,
    DATA_RANGE_ERROR,
    INSTRUCTION_ERROR,
    RESULT_FAIL,
    TABLE_SIZE,
    Chain,
)

ROBOT = description.load(resource("config/robots/dynamixel_head.yaml"))
IDS = ROBOT.channels
JAW = ROBOT.names.index("jaw")
JAW_ID = IDS[JAW]
NEUTRAL = ROBOT.targets(ROBOT.neutral)
CHUNKS = st.lists(st.binary(max_size=60), max_size=30)
PING_JAW = wire.frame(JAW_ID, wire.PING)


@pytest.fixture
def chain() -> Chain:
    return Chain(ROBOT, now=0.0)


def word(value: int) -> bytes:
    return value.to_bytes(2, "little")


def write(register: Register, value: int, id: int = JAW_ID) -> bytes:
    return wire.frame(id, wire.WRITE, word(register.address) + register.packed(value))


def read(register: Register, id: int = JAW_ID) -> bytes:
    return wire.frame(id, wire.READ, word(register.address) + word(register.size))


def write_all(register: Register, values: list[int]) -> bytes:
    entries = [bytes([id]) + register.packed(value) for id, value in zip(IDS, values, strict=True)]
    return wire.frame(wire.BROADCAST, wire.SYNC_WRITE, word(register.address) + word(register.size) + b"".join(entries))


def answers(reply: bytes) -> list[tuple[int, int, bytes]]:
    """-> ID, error and data of each."""
    frames = wire.Frames().feed(reply)
    assert all(frame.sound and frame.instruction == wire.STATUS for frame in frames)
    return [(frame.id, frame.parameters[0], frame.parameters[1:]) for frame in frames]


def value(chain: Chain, register: Register, now: float, id: int = JAW_ID) -> int:
    [(_, _, data)] = answers(chain.feed(read(register, id), now))
    return register.read(data, register.address)


def error(chain: Chain, sent: bytes, now: float = 0.0) -> int:
    [(_, number, _)] = answers(chain.feed(sent, now))
    return number


def switched_on(chain: Chain, goals: list[int], now: float = 0.0) -> Chain:
    chain.feed(write_all(table.GOAL_POSITION, goals) + write_all(table.TORQUE_ENABLE, [1] * len(IDS)), now)
    return chain


def test_the_frames_of_the_manual() -> None:
    assert wire.frame(1, wire.PING) == bytes.fromhex("FFFFFD00 01 0300 01 194E")
    assert wire.frame(1, wire.STATUS, bytes.fromhex("00 060426")) == bytes.fromhex("FFFFFD00 01 0700 55 00060426 655D")
    assert wire.frame(1, wire.READ, word(132) + word(4)) == bytes.fromhex("FFFFFD00 01 0700 02 84000400 1D15")
    assert wire.frame(1, wire.WRITE, word(116) + b"\0\2\0\0") == bytes.fromhex("FFFFFD00 01 0900 03 740000020000 CA89")


@given(data=st.binary(max_size=80))
def test_the_checksum_is_the_one_of_the_servos_maker(data: bytes) -> None:
    assert wire.crc16(data) == Protocol2PacketHandler().updateCRC(0, list(data), len(data))


@given(
    parameters=st.lists(st.sampled_from([0x00, 0xFD, 0xFE, 0xFF]), max_size=40).map(bytes),
    cuts=st.lists(st.integers(0, 70), max_size=8),
)
def test_a_header_in_the_data_is_stuffed_and_comes_out_as_it_went_in(parameters: bytes, cuts: list[int]) -> None:
    sent = wire.frame(7, wire.WRITE, parameters)
    ends = sorted({0, *(min(cut, len(sent)) for cut in cuts), len(sent)})
    frames = wire.Frames()
    got = [frame for start, end in itertools.pairwise(ends) for frame in frames.feed(sent[start:end])]
    assert [(frame.id, frame.instruction, frame.parameters, frame.sound) for frame in got] == [
        (7, wire.WRITE, parameters, True)
    ]


@settings(max_examples=300)
@given(chunks=CHUNKS)
def test_no_bytes_bring_a_chain_down(chunks: list[bytes]) -> None:
    chain = Chain(ROBOT, now=0.0)
    for i, chunk in enumerate(chunks):
        chain.feed(chunk, now=i / 100)
    assert JAW_ID in [id for id, _, _ in answers(chain.feed(wire.HEADER + PING_JAW, now=1.0))]


@settings(max_examples=300)
@given(instruction=st.integers(0, 255), id=st.sampled_from([*IDS, 99, wire.BROADCAST]), parameters=st.binary(max_size=40))
def test_no_instruction_brings_a_chain_down_and_each_servo_answers_for_itself(
    instruction: int, id: int, parameters: bytes
) -> None:
    chain = Chain(ROBOT, now=0.0)
    got = answers(chain.feed(wire.frame(id, instruction, parameters), now=0.1))
    if id in IDS:
        assert [answer[0] for answer in got] == [id]
    if id == 99:
        assert got == []


@settings(max_examples=500)
@given(bit=st.integers(0, 8 * len(write_all(table.GOAL_POSITION, [2048] * len(IDS))) - 1))
def test_goals_with_a_flipped_bit_anywhere_are_refused_and_the_next_ones_taken(bit: int) -> None:
    chain = switched_on(Chain(ROBOT, now=0.0), [1111] * len(IDS))
    damaged = bytearray(write_all(table.GOAL_POSITION, [2048] * len(IDS)))
    damaged[bit // 8] ^= 1 << bit % 8
    chain.feed(bytes(damaged), now=0.01)
    assert (chain.targets == 1111).all()
    assert chain.accepted == 1
    chain.feed(write_all(table.GOAL_POSITION, [2222] * len(IDS)), now=0.02)
    assert (chain.targets == 2222).all()
    assert chain.accepted == 2


@given(before=st.binary(max_size=40), cut=st.integers(0, 20))
def test_a_chain_hears_the_frame_after_garbage_and_after_one_that_was_cut_short(before: bytes, cut: int) -> None:
    chain = switched_on(Chain(ROBOT, now=0.0), [1111] * len(IDS))
    goals = write_all(table.GOAL_POSITION, [2222] * len(IDS))
    chain.feed(before.replace(wire.HEADER, b"") + goals[:-cut] + goals + before, now=0.01)
    assert (chain.targets == 2222).all()


def test_every_servo_answers_a_ping_in_the_order_of_ids(chain: Chain) -> None:
    assert answers(chain.feed(PING_JAW, 0.0)) == [(JAW_ID, 0, b"\x24\x04\x2d")]
    assert [id for id, _, _ in answers(chain.feed(wire.frame(wire.BROADCAST, wire.PING), 0.0))] == sorted(IDS)


def test_a_sync_read_is_answered_in_the_order_asked_up_to_a_servo_that_is_not_there(chain: Chain) -> None:
    def ask(ids: list[int]) -> list[int]:
        parameters = word(table.PRESENT_POSITION.address) + word(4) + bytes(ids)
        reply = chain.feed(wire.frame(wire.BROADCAST, wire.SYNC_READ, parameters), 0.0)
        for id, number, data in answers(reply):
            assert (number, table.PRESENT_POSITION.read(data, 132)) == (0, round(NEUTRAL[IDS.index(id)]))
        return [id for id, _, _ in answers(reply)]

    assert ask(IDS[::-1]) == IDS[::-1]
    assert ask([IDS[1], 99, IDS[0]]) == [IDS[1]]


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        (wire.frame(JAW_ID, 0x42), INSTRUCTION_ERROR),
        (PING_JAW[:-1] + bytes([PING_JAW[-1] ^ 1]), CRC_ERROR),
        (write(table.GOAL_POSITION, 4096), DATA_RANGE_ERROR),
        (write(table.GOAL_POSITION, -1), DATA_RANGE_ERROR),
        (write(table.PROFILE_VELOCITY, 266), DATA_RANGE_ERROR),
        (wire.frame(JAW_ID, wire.WRITE, word(table.GOAL_POSITION.address) + b"\0\2"), DATA_LENGTH_ERROR),
        (wire.frame(JAW_ID, wire.READ, b"\0"), DATA_LENGTH_ERROR),
        (write(table.PRESENT_POSITION, 2048), ACCESS_ERROR),
        (wire.frame(JAW_ID, wire.READ, word(TABLE_SIZE - 1) + word(2)), ACCESS_ERROR),
    ],
)
def test_what_a_servo_does_not_do_has_a_number(chain: Chain, sent: bytes, number: int) -> None:
    assert error(chain, sent) == number
    assert chain.accepted == 0


def test_servos_stand_at_neutral_and_limp_until_torque_is_on(chain: Chain) -> None:
    chain.feed(write_all(table.GOAL_POSITION, [2048] * len(IDS)), 0.0)
    assert np.isnan(chain.outputs(1.0)).all()
    assert np.isnan(chain.targets).all()
    assert value(chain, table.PRESENT_POSITION, 1.0) == NEUTRAL[JAW]


def test_a_profile_shapes_the_motion_and_none_is_as_fast_as_the_motor(chain: Chain) -> None:
    chain.feed(write(table.PROFILE_VELOCITY, 100), 0.0)
    goals = (NEUTRAL + 2000).clip(0, 4095).astype(int).tolist()
    switched_on(chain, goals)
    moved = chain.outputs(0.1) - NEUTRAL
    assert moved[JAW] == pytest.approx(100 * table.VELOCITY_UNIT * 0.1)
    assert np.delete(moved, JAW) == pytest.approx(265 * table.VELOCITY_UNIT * 0.1)
    assert value(chain, table.PRESENT_VELOCITY, 0.15) == 100
    assert chain.outputs(9.0) == pytest.approx(goals)
    assert value(chain, table.PRESENT_POSITION, 9.0) == goals[JAW]


@given(cuts=st.lists(st.floats(0, 2), max_size=20))
def test_time_is_kept_however_it_is_cut(cuts: list[float]) -> None:
    whole, cut = (switched_on(Chain(ROBOT, now=0.0), [2048] * len(IDS)) for _ in range(2))
    for now in sorted(cuts):
        cut.outputs(now)
    assert_allclose(cut.outputs(2.0), whole.outputs(2.0))


def test_a_watchdog_stops_its_servo_and_refuses_goals_until_it_is_cleared(chain: Chain) -> None:
    chain.feed(write(table.PROFILE_VELOCITY, 10) + write_all(table.BUS_WATCHDOG, [15] * len(IDS)), 0.0)
    switched_on(chain, [2048 + 400] * len(IDS))
    stopped = NEUTRAL[JAW] + 0.3 * 10 * table.VELOCITY_UNIT  # 15 units of 20 ms
    assert chain.outputs(5.0)[JAW] == pytest.approx(stopped, abs=0.5)
    assert chain.targets[JAW] == round(stopped)
    assert value(chain, table.BUS_WATCHDOG, 5.0) == 0xFF
    assert error(chain, write(table.GOAL_POSITION, 2100), 5.0) == DATA_RANGE_ERROR
    chain.feed(write_all(table.GOAL_POSITION, [2100] * len(IDS)), 5.0)
    assert chain.targets[JAW] == round(stopped)
    assert error(chain, write(table.BUS_WATCHDOG, 0), 5.0) == 0
    assert error(chain, write(table.GOAL_POSITION, 2100), 5.0) == 0
    assert chain.outputs(9.0)[JAW] == 2100


def test_a_servo_that_is_spoken_to_in_time_never_stops(chain: Chain) -> None:
    chain.feed(write_all(table.BUS_WATCHDOG, [15] * len(IDS)), 0.0)
    switched_on(chain, [2048] * len(IDS))
    for now in np.arange(0.0, 3.0, 0.25):
        chain.feed(write_all(table.GOAL_POSITION, [2048] * len(IDS)), now)
    assert value(chain, table.BUS_WATCHDOG, 3.0) == 15


def test_a_stuck_servo_pushes_for_a_second_and_gives_up_until_it_is_rebooted(chain: Chain) -> None:
    chain.stick(JAW, True)
    switched_on(chain, [2500] * len(IDS))
    assert chain.outputs(0.5)[JAW] == NEUTRAL[JAW]
    assert value(chain, table.PRESENT_LOAD, 0.5) == 500
    assert error(chain, PING_JAW, 0.9) == 0
    assert error(chain, PING_JAW, 1.1) == ALERT
    assert value(chain, table.HARDWARE_ERROR_STATUS, 1.1) == 1 << 5
    assert np.flatnonzero(np.isnan(chain.outputs(1.1))).tolist() == [JAW]
    chain.stick(JAW, False)
    assert error(chain, write(table.TORQUE_ENABLE, 1), 1.2) == ALERT | RESULT_FAIL
    assert error(chain, wire.frame(JAW_ID, wire.REBOOT), 1.3) == 0
    assert error(chain, write(table.TORQUE_ENABLE, 1), 1.4) == 0
    assert chain.outputs(1.5)[JAW] == NEUTRAL[JAW]  # where it stood


def test_a_stuck_servo_that_is_freed_in_time_goes_on(chain: Chain) -> None:
    chain.stick(JAW, True)
    switched_on(chain, [2500] * len(IDS))
    chain.outputs(0.9)
    chain.stick(JAW, False)
    assert chain.outputs(2.0)[JAW] == 2500


def test_work_warms_a_servo_slowly(chain: Chain) -> None:
    chain.stick(JAW, True)
    switched_on(chain, [2500] * len(IDS))
    before = value(chain, table.TEMPERATURE, 0.0)
    chain.outputs(0.99)
    assert value(chain, table.TEMPERATURE, 0.99) in (before, before + 1)
    for now in range(1, 60):  # at work again and again, as a host would let it that reboots at once
        chain.feed(wire.frame(JAW_ID, wire.REBOOT) + write(table.GOAL_POSITION, 2500) + write(table.TORQUE_ENABLE, 1), now)
        chain.outputs(now + 0.99)
    assert value(chain, table.TEMPERATURE, 60.0) > before + 5


def test_an_overload_is_felt_by_one_servo_and_a_raised_error_by_all(chain: Chain) -> None:
    switched_on(chain, [2048] * len(IDS))
    chain.overload(JAW)
    assert np.flatnonzero(np.isnan(chain.targets)).tolist() == [JAW]
    chain.set_error(1 << 0)
    assert np.flatnonzero(np.isnan(chain.targets)).tolist() == [JAW]  # a voltage out of range takes no torque off
    assert value(chain, table.HARDWARE_ERROR_STATUS, 0.0, id=IDS[0]) == 1
    chain.set_error(1 << 2 | 1 << 9)
    assert np.isnan(chain.targets).all()


def test_a_brown_out_is_forgotten_nothing_but_the_place(chain: Chain) -> None:
    chain.feed(write_all(table.BUS_WATCHDOG, [15] * len(IDS)) + write_all(table.PROFILE_VELOCITY, [50] * len(IDS)), 0.0)
    switched_on(chain, [2100] * len(IDS))
    stood = chain.outputs(0.05)
    chain.feed(PING_JAW[:5], 0.05)
    chain.restart(0.05)
    assert np.isnan(chain.outputs(1.0)).all()
    for register in (table.TORQUE_ENABLE, table.BUS_WATCHDOG, table.PROFILE_VELOCITY):
        assert value(chain, register, 1.0) == 0
    assert value(chain, table.PRESENT_POSITION, 1.0) == round(stood[JAW])
    switched_on(chain, np.rint(stood).astype(int).tolist(), now=1.0)
    assert_allclose(chain.outputs(2.0), stood, atol=0.5)
    assert chain.accepted == 1


def test_what_a_servo_keeps_without_power_is_locked_while_torque_is_on_and_limits_what_it_takes(chain: Chain) -> None:
    assert error(chain, write(table.MAX_POSITION_LIMIT, 2100)) == 0
    assert error(chain, write(table.VELOCITY_LIMIT, 50)) == 0
    chain.restart(0.0)
    assert error(chain, write(table.GOAL_POSITION, 2101)) == DATA_RANGE_ERROR
    assert error(chain, write(table.PROFILE_VELOCITY, 51)) == DATA_RANGE_ERROR
    assert error(chain, write(table.TORQUE_ENABLE, 1)) == 0
    assert error(chain, write(table.MAX_POSITION_LIMIT, 4095)) == ACCESS_ERROR
