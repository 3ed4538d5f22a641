"""A chain of Dynamixel XL430 servos without hardware: byte-exact, with their watchdog, their limits and their protection."""

import math

import numpy as np

from ..motors import dynamixel_table as table
from ..motors.description import Robot
from ..motors.dynamixel_table import Register
from . import dynamixel_frames as wire

# The error of an answer
RESULT_FAIL, INSTRUCTION_ERROR, CRC_ERROR, DATA_RANGE_ERROR, DATA_LENGTH_ERROR, ACCESS_ERROR = 1, 2, 3, 4, 5, 7
ALERT = 0x80  # besides: the servo has a hardware error

MODEL_NUMBER, FIRMWARE_VERSION = Register(0, 2), Register(6, 1)
FACTORY = {
    MODEL_NUMBER: 1060,
    FIRMWARE_VERSION: 45,
    table.OPERATING_MODE: table.SINGLE_TURN,
    table.VELOCITY_LIMIT: 265,  # 61 rev/min, as fast as the motor turns at 12 V
    table.MAX_POSITION_LIMIT: table.TURN - 1,
}
FASTEST = FACTORY[table.VELOCITY_LIMIT] * table.VELOCITY_UNIT  # ticks/s
FORGOTTEN = table.TORQUE_ENABLE.address  # from there on the table starts from 0 at power-up
TABLE_SIZE = table.TEMPERATURE.address + table.TEMPERATURE.size
HIGHEST: dict[
    Register, int | Register
] = {  # value that is taken, of the registers that can be written; the others are not needed to drive a face
    table.DRIVE_MODE: 13,
    table.OPERATING_MODE: 16,
    table.VELOCITY_LIMIT: 1023,
    table.MAX_POSITION_LIMIT: table.TURN - 1,
    table.MIN_POSITION_LIMIT: table.TURN - 1,
    table.TORQUE_ENABLE: 1,
    table.BUS_WATCHDOG: table.LONGEST_WATCHDOG,
    table.PROFILE_ACCELERATION: table.HIGHEST_ACCELERATION,
    table.PROFILE_VELOCITY: table.VELOCITY_LIMIT,
    table.GOAL_POSITION: table.MAX_POSITION_LIMIT,
}
WRITABLE = {register.address: register for register in HIGHEST}

OVERLOAD = 1 << 5
SHUTDOWN = 0x34  # the errors that take torque off: overload, shock, overheating
OVERLOAD_S = 1.0  # of pushing in vain
SLACK = 1.0  # ticks off its goal that make a servo push no harder
AMBIENT, HEATING = 30.0, 60.0  # °C, and by how much full load warms in the end
WARMING_S = 120.0  # time constant


class Servo:
    """One servo. It moves at its profile's velocity at most; its profile's acceleration is taken, but does not shape motion."""

    def __init__(self, id: int, position: float, now: float) -> None:
        self.id = id
        self.stuck = False
        self._position = position  # ticks
        self._temperature = AMBIENT
        self._now = now
        self._table = bytearray(TABLE_SIZE)
        for register, value in FACTORY.items():
            self[register] = value
        self.start(now)

    def start(self, now: float) -> None:
        """Power-up, where it stands: what was set is forgotten."""
        self._table[FORGOTTEN:] = bytes(TABLE_SIZE - FORGOTTEN)
        self[table.INPUT_VOLTAGE] = round(12 / table.VOLTAGE_UNIT)
        self._pushed_s = 0.0
        self._heard = now
        self._stop()
        self.advance(now)

    def __getitem__(self, register: Register) -> int:
        return register.read(self._table)

    def __setitem__(self, register: Register, value: int) -> None:
        self._table[register.address : register.address + register.size] = register.packed(value)

    @property
    def name(self) -> bytes:
        """Its answer to a ping: model and firmware."""
        return MODEL_NUMBER.packed(self[MODEL_NUMBER]) + FIRMWARE_VERSION.packed(self[FIRMWARE_VERSION])

    @property
    def target(self) -> float:
        """Ticks, NaN without torque."""
        return self[table.GOAL_POSITION] if self[table.TORQUE_ENABLE] else math.nan

    @property
    def output(self) -> float:
        """Ticks, NaN without torque."""
        return self._position if self[table.TORQUE_ENABLE] else math.nan

    def advance(self, now: float) -> None:
        watchdog = self[table.BUS_WATCHDOG]
        if self[table.TORQUE_ENABLE] and 0 < watchdog < table.WATCHDOG_TRIGGERED:
            patience_ends = self._heard + watchdog * table.WATCHDOG_UNIT_S
            if now > patience_ends:
                self._move(patience_ends)
                self[table.BUS_WATCHDOG] = table.WATCHDOG_TRIGGERED
                self._stop()
        self._move(now)

    def hear(self, now: float) -> None:
        self._heard = now

    def fail(self, errors: int) -> None:
        self[table.HARDWARE_ERROR_STATUS] |= errors & 0xFF
        if errors & SHUTDOWN:
            self[table.TORQUE_ENABLE] = 0

    def status(self, error: int = 0, data: bytes = b"") -> bytes:
        alert = ALERT if self[table.HARDWARE_ERROR_STATUS] else 0
        return wire.frame(self.id, wire.STATUS, bytes([error | alert]) + data)

    def read(self, address: int, length: int) -> bytes:
        """-> the answer."""
        if length == 0 or address + length > TABLE_SIZE:
            return self.status(ACCESS_ERROR)
        return self.status(data=bytes(self._table[address : address + length]))

    def write(self, address: int, data: bytes) -> int:
        """Whole registers in a row -> the error, 0 if all of them were taken; else none is."""
        values = {}
        at = address
        while at < address + len(data):
            if at not in WRITABLE or (at < FORGOTTEN and self[table.TORQUE_ENABLE]):
                return ACCESS_ERROR
            register = WRITABLE[at]
            at += register.size
            if at > address + len(data):
                return DATA_LENGTH_ERROR
            values[register] = register.read(data, address)
            if not self._takes(register, values[register]):
                return DATA_RANGE_ERROR
        if not values:
            return DATA_LENGTH_ERROR
        if self[table.HARDWARE_ERROR_STATUS] & SHUTDOWN and values.get(table.TORQUE_ENABLE):
            return RESULT_FAIL
        for register, value in values.items():
            self[register] = value
        return 0

    def _takes(self, register: Register, value: int) -> bool:
        goal = register == table.GOAL_POSITION
        locked = goal or (register == table.BUS_WATCHDOG and value)
        if locked and self[table.BUS_WATCHDOG] == table.WATCHDOG_TRIGGERED:
            return False
        highest = HIGHEST[register]
        lowest = self[table.MIN_POSITION_LIMIT] if goal else 0
        return lowest <= value <= (self[highest] if isinstance(highest, Register) else highest)

    def _stop(self) -> None:
        self[table.GOAL_POSITION] = min(max(0, round(self._position)), table.TURN - 1)

    def _move(self, now: float) -> None:
        elapsed, self._now = max(0.0, now - self._now), max(now, self._now)
        torque = self[table.TORQUE_ENABLE]
        way = self[table.GOAL_POSITION] - self._position if torque else 0.0
        step = 0.0
        if not self.stuck:
            profile = self[table.PROFILE_VELOCITY] * table.VELOCITY_UNIT
            farthest = min(profile or FASTEST, FASTEST) * elapsed
            step = min(max(-farthest, way), farthest)
        self._position += step
        self._pushed_s = self._pushed_s + elapsed if self.stuck and abs(way) > SLACK else 0.0
        load = min(1.0, self._pushed_s / OVERLOAD_S)
        self._temperature += (AMBIENT + HEATING * load - self._temperature) * -math.expm1(-elapsed / WARMING_S)
        self[table.PRESENT_LOAD] = round(math.copysign(load / table.LOAD_UNIT, way))
        self[table.PRESENT_VELOCITY] = round(step / elapsed / table.VELOCITY_UNIT) if elapsed else 0
        self[table.PRESENT_POSITION] = round(self._position)
        self[table.TEMPERATURE] = min(255, round(self._temperature))
        if self._pushed_s >= OVERLOAD_S:
            self.fail(OVERLOAD)


class Chain:
    """The servos of a robot on one line, a twin.device.Device. They stand at neutral, without torque, when it is powered."""

    def __init__(self, robot: Robot, now: float) -> None:
        self.accepted = 0
        self._servos = [
            Servo(id, position, now) for id, position in zip(robot.channels, robot.targets(robot.neutral).tolist(), strict=True)
        ]
        self._by_id = {servo.id: servo for servo in sorted(self._servos, key=lambda servo: servo.id)}
        self._frames = wire.Frames()

    def feed(self, received: bytes, now: float) -> bytes:
        """Bytes from the host, in any chunking -> the servos' answers. They act on whole frames, when the last byte comes."""
        return b"".join(self._answer(heard, now) for heard in self._frames.feed(received))

    @property
    def targets(self) -> np.ndarray:
        """(motors,) ticks, NaN for a servo without torque."""
        return np.array([servo.target for servo in self._servos])

    def outputs(self, now: float) -> np.ndarray:
        """(motors,) ticks where the servos stand by now, NaN for one without torque."""
        self._advance(now)
        return np.array([servo.output for servo in self._servos])

    def restart(self, now: float) -> None:
        self._advance(now)
        for servo in self._servos:
            servo.start(now)
        self._frames = wire.Frames()
        self.accepted = 0

    def set_error(self, bits: int) -> None:
        """Raises bits of every servo's hardware error status."""
        for servo in self._servos:
            servo.fail(bits)

    def stick(self, motor: int, stuck: bool) -> None:
        self._servos[motor].stuck = stuck

    def overload(self, motor: int) -> None:
        self._servos[motor].fail(OVERLOAD)

    def _advance(self, now: float) -> None:
        for servo in self._servos:
            servo.advance(now)

    def _answer(self, heard: wire.Frame, now: float) -> bytes:
        self._advance(now)
        every = heard.id == wire.BROADCAST
        servos = [servo for id, servo in self._by_id.items() if every or id == heard.id]
        if heard.sound:
            for servo in servos:
                servo.hear(now)
            if every and heard.instruction in (wire.SYNC_READ, wire.SYNC_WRITE):
                return self._sync(heard)
            answers = self._run(servos, heard, now)
        else:
            answers = [servo.status(CRC_ERROR) for servo in servos]
        return b"".join(answers) if not every or (heard.sound and heard.instruction == wire.PING) else b""

    def _run(self, servos: list[Servo], heard: wire.Frame, now: float) -> list[bytes]:
        """What each of the servos, all meant alike, answers."""
        address, length, data = _word(heard.parameters, 0), _word(heard.parameters, 2), heard.parameters[2:]
        match heard.instruction:
            case wire.PING:
                return [servo.status(data=servo.name) for servo in servos]
            case wire.READ if len(data) == 2:
                return [servo.read(address, length) for servo in servos]
            case wire.WRITE if data:
                errors = self._write(address, [(servo, data) for servo in servos])
                return [servo.status(error) for servo, error in zip(servos, errors, strict=True)]
            case wire.READ | wire.WRITE:
                return [servo.status(DATA_LENGTH_ERROR) for servo in servos]
            case wire.REBOOT:
                for servo in servos:
                    servo.start(now)
                return [servo.status() for servo in servos]
        return [servo.status(INSTRUCTION_ERROR) for servo in servos]

    def _sync(self, heard: wire.Frame) -> bytes:
        """One instruction to several servos, each of which is named, and after its name given its own data to write."""
        address, length, rest = _word(heard.parameters, 0), _word(heard.parameters, 2), heard.parameters[4:]
        if heard.instruction == wire.SYNC_WRITE:
            entries = [rest[at : at + 1 + length] for at in range(0, len(rest), 1 + length)]
            if not entries or len(entries[-1]) == 1 + length:
                self._write(address, [(self._by_id[each[0]], each[1:]) for each in entries if each[0] in self._by_id])
            return b""
        answers = b""
        for id in rest:
            if id not in self._by_id:
                break  # those behind it wait for its answer in vain
            answers += self._by_id[id].read(address, length)
        return answers

    def _write(self, address: int, data: list[tuple[Servo, bytes]]) -> list[int]:
        """-> each servo's error."""
        errors = [servo.write(address, each) for servo, each in data]
        goal = table.GOAL_POSITION.address
        self.accepted += any(
            not error and address <= goal < address + len(each) for error, (_, each) in zip(errors, data, strict=True)
        )
        return errors


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")
