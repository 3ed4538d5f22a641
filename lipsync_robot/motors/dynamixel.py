"""A chain of Dynamixel X servos, protocol 2.0, through ROBOTIS' SDK: a bus whose positions are ticks, 4096 a turn."""

import math
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np
from dynamixel_sdk import COMM_RX_TIMEOUT, COMM_SUCCESS, PKT_ID, PKT_PARAMETER0, Protocol2PacketHandler

from . import dynamixel_table as table
from .bus import BusError, Health, WhenSilent
from .description import Motor, Robot
from .dynamixel_port import Arrived, Port
from .dynamixel_table import Block, block

SETTINGS = block(table.DRIVE_MODE, table.MIN_POSITION_LIMIT)
STATUS = block(table.TORQUE_ENABLE, table.BUS_WATCHDOG)
LIMITS = block(table.BUS_WATCHDOG, table.PROFILE_VELOCITY)
MOTION = block(table.PRESENT_LOAD, table.TEMPERATURE)
POSITION = block(table.PRESENT_POSITION, table.PRESENT_POSITION)

FRAME, PER_SERVO = 14, 5  # bytes of a sync write of goals: around them, and for each servo
ANSWER = 11  # bytes around the data of an answer
BITS = 10  # on the wire, a byte
ANSWERS_S = 0.005  # half a tick: on a line that both sides share, answers must be over before the next goals are sent
HEADROOM = 1.2  # the servo's own limit of speed is a second line of defence, and must not slow down the first
FURTHEST = table.TURN // 4  # ticks outside of its one turn at which a servo may be found


class Question(NamedTuple):
    block: Block
    servos: range  # of the robot's motors


class Dynamixel:
    """An open chain, a motors.bus.Bus. Every method raises BusError, with what to do, when the chain is gone.

    Each servo keeps a limit of speed and a watchdog of its own: it stops where it is when nothing is said for `timeout_s`.
    """

    when_silent: WhenSilent = "stop"

    def __init__(self, robot: Robot, port: str) -> None:
        """Finds every servo and sets its limits and its watchdog. Torque stays as it is found; nothing moves."""
        self._robot, self._name = robot, port
        self._ids = robot.channels
        self._low, self._high = np.sort(robot.ends, axis=0)
        self._watchdog = min(max(1, round(robot.timeout_s / table.WATCHDOG_UNIT_S)), table.LONGEST_WATCHDOG)
        self._on = False
        self._errors = [0] * len(robot.motors)
        self._positions, self._temperature, self._load = np.full((3, len(robot.motors)), np.nan)
        self._questions = cycle(_questions(robot))
        self._asked: Question | None = None
        self._sdk = Protocol2PacketHandler()
        self._port = Port(port, robot.baud)
        try:
            self._find()
            self._set_up()
        except BusError:
            self.close()
            raise

    def read(self) -> np.ndarray:
        """(motors,) ticks where the servos are measured to stand, with or without torque."""
        return np.array([self._position(*found) for found in zip(self._robot.motors, self._read(POSITION), strict=True)])

    def write(self, targets: np.ndarray) -> None:
        """targets (motors,) ticks, kept within each motor's range. ValueError where one is not finite: nothing is sent."""
        if not np.isfinite(targets).all():
            raise ValueError(f"targets must be finite: {targets}")
        self._write_goals(np.clip(targets, self._low, self._high))

    def torque(self, on: bool) -> None:
        """On: the servos hold where they stand, whatever was written before. A servo in hardware error stays limp."""
        if on:
            self._hold()
        self._sync_write(table.TORQUE_ENABLE.address, [bytes([on])] * len(self._ids))
        self._on = on

    def ask(self) -> None:
        """Asks for torque and errors, or for load, position and temperature, of as many servos as answer within a tick."""
        question = next(self._questions)
        self._send_sync_read(question.block, [self._ids[i] for i in question.servos])
        self._asked = question

    def answer(self) -> Health | None:
        """What `ask` brought, and before it, of every servo; hardware errors are repeated until the servo is rebooted.

        None where an answer is missing or damaged. Raises BusError for a servo that forgot its settings or stopped by itself.
        """
        question, self._asked = self._asked, None
        if question is None:
            return None
        replies = self._replies(self._port.arrived(), [self._ids[i] for i in question.servos], question.block)
        if len(replies) < len(question.servos):
            return None
        for i, data in zip(question.servos, replies, strict=True):
            if question.block == STATUS:
                self._note_status(i, data)
            else:
                self._note_motion(i, data)
        return Health(list(self._faults()), self._positions.copy(), self._temperature.copy(), self._load.copy())

    def reboot(self) -> bool:
        """Restarts servos in hardware error, the only way out of one. They go limp and have to be set up anew."""
        errors = [table.HARDWARE_ERROR_STATUS.read(data, STATUS.address) for data in self._read(STATUS)]
        ill = [motor for motor, error in zip(self._robot.motors, errors, strict=True) if error]
        for motor in ill:
            if self._sdk.reboot(self._port, motor.channel)[0] != COMM_SUCCESS:
                raise self._silent([motor])
        return bool(ill)

    def close(self) -> None:
        self._port.closePort()

    def _find(self) -> None:
        found: list[int] = []
        missing: list[Motor] = []
        for motor in self._robot.motors:
            if self._sdk.ping(self._port, motor.channel)[1] == COMM_SUCCESS:
                found.append(motor.channel)
            else:
                missing.append(motor)
            if len(missing) == 2 and not found:  # a dead line: each silent servo costs REPLY_S, and the driver tries again
                break
        if missing:
            raise self._silent(missing, f"; found {', '.join(map(str, found)) or 'none'}")

    def _set_up(self) -> None:
        """Limits first, and goals at once: clearing a watchdog that has stopped its servo may set it off again."""
        profiles = [self._profile(motor, self._settings(motor)) for motor in self._robot.motors]
        self._sync_write(table.PROFILE_ACCELERATION.address, profiles)
        self._set_watchdog(0)
        self._hold()
        self._set_watchdog(self._watchdog)
        for motor, profile, data in zip(self._robot.motors, profiles, self._read(LIMITS), strict=True):
            if table.BUS_WATCHDOG.read(data, LIMITS.address) != self._watchdog or not data.endswith(profile):
                raise BusError(
                    f"{self._name}: {_label(motor)} did not take its limit of speed and its watchdog. Check the wiring, and "
                    "that its firmware has a Bus Watchdog; Dynamixel Wizard updates it."
                )

    def _settings(self, motor: Motor) -> bytes:
        """What the servo keeps without power, if it lets it do what the robot needs."""
        self._sdk.readTx(self._port, motor.channel, SETTINGS.address, SETTINGS.length)
        data = self._reply(self._port, motor.channel, SETTINGS)
        if data is None:
            raise BusError(f"{self._name}: {_label(motor)} answers a ping, but no question. Set its status return level to 2.")
        mode = table.OPERATING_MODE.read(data, SETTINGS.address)
        low, high = (limit.read(data, SETTINGS.address) for limit in (table.MIN_POSITION_LIMIT, table.MAX_POSITION_LIMIT))
        if mode not in table.POSITION_MODES:
            problem = f"is in operating mode {mode}, which takes no positions. Set it to {table.SINGLE_TURN}"
        elif table.DRIVE_MODE.read(data, SETTINGS.address) & table.TIME_BASED:
            problem = "has a time-based profile. Set its drive mode to velocity-based"
        elif mode == table.SINGLE_TURN and not low <= min(motor.ends) <= max(motor.ends) <= high:
            problem = f"keeps itself to {low}..{high} ticks, less than its range here. Widen its position limits"
        elif table.VELOCITY_LIMIT.read(data, SETTINGS.address) == 0:
            problem = "has a velocity limit of 0, which as a profile is none. Set one"
        else:
            return data
        raise BusError(f"{self._name}: {_label(motor)} {problem}, with Dynamixel Wizard.")

    def _profile(self, motor: Motor, settings: bytes) -> bytes:
        """Acceleration and velocity as the servo takes them; neither is 0 by rounding, which would lift the limit."""
        ticks = abs(motor.ends[1] - motor.ends[0])
        acceleration = math.ceil(motor.max_acceleration * ticks / table.ACCELERATION_UNIT)
        acceleration = min(acceleration, table.HIGHEST_ACCELERATION)
        velocity = math.ceil(HEADROOM * motor.max_speed * ticks / table.VELOCITY_UNIT)
        velocity = min(velocity, table.VELOCITY_LIMIT.read(settings, SETTINGS.address))
        return table.PROFILE_ACCELERATION.packed(acceleration) + table.PROFILE_VELOCITY.packed(velocity)

    def _set_watchdog(self, units: int) -> None:
        self._sync_write(table.BUS_WATCHDOG.address, [bytes([units])] * len(self._ids))

    def _hold(self) -> None:
        """Makes every goal the place where the servo stands."""
        self._write_goals(np.clip(self.read(), 0, table.TURN - 1))

    def _position(self, motor: Motor, data: bytes, start: int = POSITION.address) -> int:
        position = table.PRESENT_POSITION.read(data, start)
        if not -FURTHEST <= position < table.TURN + FURTHEST:
            raise BusError(
                f"{self._name}: {_label(motor)} says that it is at {position} ticks, more than a turn away. "
                "Take its power off, turn it back by hand, and power it again."
            )
        return position

    def _note_motion(self, i: int, data: bytes) -> None:
        self._positions[i] = self._position(self._robot.motors[i], data, MOTION.address)
        self._temperature[i] = table.TEMPERATURE.read(data, MOTION.address)
        self._load[i] = np.clip(table.LOAD_UNIT * table.PRESENT_LOAD.read(data, MOTION.address), -1, 1)

    def _note_status(self, i: int, data: bytes) -> None:
        """A servo in hardware error takes its own torque off: nothing that a new connection would mend."""
        self._errors[i] = table.HARDWARE_ERROR_STATUS.read(data, STATUS.address)
        torque, watchdog = (register.read(data, STATUS.address) for register in (table.TORQUE_ENABLE, table.BUS_WATCHDOG))
        if watchdog == table.WATCHDOG_TRIGGERED:
            what = f"stopped by itself: it heard nothing for {self._watchdog * table.WATCHDOG_UNIT_S:g} s. It is set up anew."
        elif watchdog != self._watchdog or (self._on and not torque and not self._errors[i]):
            what = "restarted or was switched off. If that happens again, look for a weak power supply or a loose cable."
        else:
            return
        raise BusError(f"{self._name}: {_label(self._robot.motors[i])} {what}")

    def _faults(self) -> Iterator[str]:
        for motor, errors in zip(self._robot.motors, self._errors, strict=True):
            yield from (f"{_label(motor)}: {text}" for bit, text in table.HARDWARE_ERRORS.items() if errors >> bit & 1)

    def _write_goals(self, ticks: np.ndarray) -> None:
        goals = np.rint(ticks).astype(int).tolist()
        self._sync_write(table.GOAL_POSITION.address, [table.GOAL_POSITION.packed(goal) for goal in goals])

    def _sync_write(self, address: int, data: Sequence[bytes]) -> None:
        """data: as many bytes for each servo. It voids an answer that is due, and servos do not answer to it."""
        self._asked = None
        parameters = [byte for id, each in zip(self._ids, data, strict=True) for byte in (id, *each)]
        result = self._sdk.syncWriteTxOnly(self._port, address, len(data[0]), parameters, len(parameters))
        if result != COMM_SUCCESS:
            raise BusError(f"{self._name}: {self._sdk.getTxRxResult(result)} One frame reaches about 200 servos at most.")

    def _send_sync_read(self, block: Block, ids: list[int]) -> None:
        self._sdk.syncReadTx(self._port, block.address, block.length, ids, len(ids), False)

    def _read(self, block: Block) -> list[bytes]:
        """A block of every servo, waited for."""
        self._send_sync_read(block, self._ids)
        replies = self._replies(self._port, self._ids, block)
        if len(replies) < len(self._ids):
            raise self._silent([self._robot.motors[len(replies)]])
        return replies

    def _replies(self, source: Port | Arrived, ids: Sequence[int], block: Block) -> list[bytes]:
        """What the servos say, in the order in which they were asked, up to the first that says nothing."""
        replies = []
        for id in ids:
            data = self._reply(source, id, block)
            if data is None:
                break
            replies.append(data)
        return replies

    def _reply(self, source: Port | Arrived, id: int, block: Block) -> bytes | None:
        """The next answer of one servo; other frames, late or damaged, are passed over. None: nothing more comes."""
        # Of another length is the answer to another question, or an error; of a short one the SDK would take the CRC for data.
        head = bytes([id]) + (block.length + 4).to_bytes(2, "little")
        result = COMM_SUCCESS
        while result != COMM_RX_TIMEOUT:
            packet, result = self._sdk.rxPacket(source, False)
            if result == COMM_SUCCESS and bytes(packet[PKT_ID : PKT_ID + 3]) == head:
                return bytes(packet[PKT_PARAMETER0 + 1 :][: block.length])
        return None

    def _silent(self, motors: list[Motor], found: str = "") -> BusError:
        who = ", ".join(map(_label, motors))
        return BusError(
            f"{self._name}: {who} {'does' if len(motors) == 1 else 'do'} not answer{found}. Check power and cables, IDs, "
            f"and that the servos are set to {self._robot.baud} baud and protocol 2.0."
        )


def frame_s(robot: Robot) -> float:
    """Seconds for which the goals of all servos, one frame, are on the wire."""
    return BITS * (FRAME + PER_SERVO * len(robot.motors)) / robot.baud


def answer_s(robot: Robot) -> float:
    """Seconds for which a question of `ask` and its answers are on the wire, at most."""
    return max(
        BITS * (FRAME + len(question.servos)) / robot.baud + len(question.servos) * _reply_s(robot, question.block)
        for question in _questions(robot)
    )


def _reply_s(robot: Robot, asked: Block) -> float:
    """Of one servo."""
    return table.RETURN_DELAY_S + BITS * (ANSWER + asked.length) / robot.baud


def _questions(robot: Robot) -> list[Question]:
    """Each block, of as many servos at once as answer in ANSWERS_S."""
    questions = []
    for asked in (STATUS, MOTION):
        at_once = max(1, int(ANSWERS_S / _reply_s(robot, asked)))
        motors = range(len(robot.motors))
        questions += [Question(asked, motors[first : first + at_once]) for first in motors[::at_once]]
    return questions


def _label(motor: Motor) -> str:
    return f"{motor.name} (ID {motor.channel})"
