"""The Pololu Maestro's serial protocol: commands, frames, checksum, units, errors in words. Pure: no byte is moved here.

After Pololu's user's guide (pololu.com/docs/0J40): "Serial Command Protocol", "Cyclic Redundancy Check", "Serial Servo
Commands", "Channel Settings" for the units of the limits, "Errors" for the register. Targets on the wire are quarter
microseconds in two bytes of 7 bits; only a command byte has its top bit set.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from .description import BUSES, Motor, Robot

POLOLU = 0xAA  # device number, command without its top bit, data: for one of several devices on a line
DEVICE_NUMBER = 12  # as a board is delivered
SET_TARGET = 0x84  # channel, low and high bits; 0 takes the servo's pulses away
SET_SPEED = 0x87  # channel, low and high bits, in SPEED_UNIT; 0 is unlimited
SET_ACCELERATION = 0x89  # channel, low and high bits, in ACCELERATION_UNIT, up to 255; 0 is unlimited
GET_POSITION = 0x90  # channel -> 2 bytes, little endian: the pulse now; 0 is off
GET_MOVING = 0x93  # -> 1 byte: whether a limit still holds a servo back
SET_TARGETS = 0x9F  # how many, first channel, low and high bits of each; the Micro Maestro has it not
GET_ERRORS = 0xA1  # -> 2 bytes, little endian; reading clears them
GO_HOME = 0xA2

ERRORS = (
    "serial signal error: check the baud rate and the wiring",
    "serial overrun: too many bytes at once",
    "serial receive buffer full: commands come faster than the board can take them",
    "serial CRC mismatch",
    "serial protocol error: a byte was lost or garbled",
    "serial timeout: the host went silent",
    "script stack error",
    "script call stack error",
    "script program counter error",
)
CRC_ERROR, PROTOCOL_ERROR, TIMEOUT_ERROR = 1 << 3, 1 << 4, 1 << 5
MISHEARD = (1 << 5) - 1  # every error of a byte that did not come through as it was meant

PERIOD_S = 0.020  # between two pulses, as a board is delivered
SPEED_UNIT = 0.25 / (PERIOD_S / 2)  # µs/s
ACCELERATION_UNIT = SPEED_UNIT / 0.080  # µs/s²
FASTEST, SHARPEST = (1 << 14) - 1, 255  # the largest limits that can be set
HEADROOM = 1.2  # over the guard's speed, which the board must never trail; a stored speed loses up to a sixteenth

PULSES_US = BUSES["maestro"].positions
ROUNDING_US = 16.0  # steps in which a board keeps its channels' ends: a pulse may be so far beyond them
SIZES = {"micro": (6,), "mini": (12, 18, 24)}  # channels of the boards there are
CRC_POLYNOMIAL = 0x91


def _shifted_out(byte: int) -> int:
    for _ in range(8):
        byte = (byte ^ CRC_POLYNOMIAL if byte & 1 else byte) >> 1
    return byte


CRC_TABLE = bytes(_shifted_out(byte) for byte in range(256))


def crc7(message: Iterable[int]) -> int:
    """Pololu's checksum, least significant bit first -> 0..127. Of 0x83 0x01 it is 0x17, as in the user's guide."""
    crc = 0
    for byte in message:
        crc = CRC_TABLE[crc ^ byte]
    return crc


def packet(robot: Robot, command: int, *data: int) -> bytes:
    """A command as this robot's line carries it: compact, or addressed to its device number; with its CRC where asked for."""
    head = [command] if robot.device_number is None else [POLOLU, robot.device_number, command & 0x7F]
    message = bytes([*head, *data])
    return message + bytes([crc7(message)]) if robot.crc else message


def low_high(value: int) -> tuple[int, int]:
    """A number of up to 14 bits as two data bytes."""
    return value & 0x7F, value >> 7


def set_targets(robot: Robot, quarters: Sequence[int]) -> bytes:
    """quarters (motors,) quarter µs, 0 for off -> one frame for each run of channels in a row; on a Micro one a channel."""
    targets = [low_high(target) for _, target in zip(robot.motors, quarters, strict=True)]
    frames = []
    for run in robot.runs:
        if robot.board == "micro":
            frames += [packet(robot, SET_TARGET, robot.channels[i], *targets[i]) for i in run]
        else:
            data = chain.from_iterable(targets[i] for i in run)
            frames.append(packet(robot, SET_TARGETS, len(run), robot.channels[run[0]], *data))
    return b"".join(frames)


def set_limits(robot: Robot, motor: Motor) -> bytes:
    """Tells the board how fast and how sharply it may move a motor, whatever it was told before."""
    speed = packet(robot, SET_SPEED, motor.channel, *low_high(speed_limit(motor)))
    return speed + packet(robot, SET_ACCELERATION, motor.channel, *low_high(acceleration_limit(motor)))


def speed_limit(motor: Motor) -> int:
    """In SPEED_UNIT, a little above the motor's own; never 0, which is none."""
    return min(FASTEST, math.ceil(HEADROOM * motor.max_speed * _stroke_us(motor) / SPEED_UNIT))


def acceleration_limit(motor: Motor) -> int:
    """In ACCELERATION_UNIT; 0, which is none, only where the motor has none."""
    if motor.max_acceleration == 0:
        return 0
    return min(SHARPEST, max(1, round(motor.max_acceleration * _stroke_us(motor) / ACCELERATION_UNIT)))


def frame_s(robot: Robot) -> float:
    """Seconds that one set of targets takes on a line of the robot's baud rate; a USB port is faster, whatever its baud."""
    return wire_s(robot, len(set_targets(robot, [0] * len(robot.motors))))


def question_s(robot: Robot) -> float:
    """Seconds that a question for the errors takes on the line, with the limits that are set by the way."""
    return wire_s(robot, len(packet(robot, GET_ERRORS)) + max(len(set_limits(robot, motor)) for motor in robot.motors))


def wire_s(robot: Robot, count: int) -> float:
    """Seconds that `count` bytes take on the line: ten bits each."""
    return 10 * count / robot.baud


def channels(robot: Robot) -> int:
    """How many channels the smallest board has that this robot fits on."""
    return next(size for size in SIZES[robot.board] if size > max(robot.channels))


def errors(reply: bytes) -> int | None:
    """The answer to GET_ERRORS -> the error register; None where it cannot be one."""
    register = int.from_bytes(reply, "little")
    return register if len(reply) == 2 and register >> len(ERRORS) == 0 else None


def pulses(reply: bytes) -> np.ndarray:
    """The answers to GET_POSITION of some channels -> µs of each, NaN for one that is off."""
    quarters = np.frombuffer(reply, "<u2")
    return np.where(quarters == 0, np.nan, quarters / 4)


def agree(robot: Robot, first: np.ndarray, second: np.ndarray, elapsed_s: float) -> bool:
    """Whether two answers about where the servos are, (motors,) µs, so long apart, can both be true."""
    far = np.array([HEADROOM * motor.max_speed * _stroke_us(motor) for motor in robot.motors]) * elapsed_s
    both_off = np.isnan(first) & np.isnan(second)
    return bool((both_off | (np.abs(second - first) <= far + SPEED_UNIT * PERIOD_S)).all())


def impossible(pulses: np.ndarray) -> np.ndarray:
    """µs -> which of them no servo has, so that they are another thing's or damaged: answers carry no checksum."""
    low, high = PULSES_US
    return (pulses < low - ROUNDING_US) | (pulses > high + ROUNDING_US)


def words(register: int) -> list[str]:
    """The error register in words."""
    return [text for bit, text in enumerate(ERRORS) if register >> bit & 1]


def _stroke_us(motor: Motor) -> float:
    low, high = motor.ends
    return abs(high - low)
