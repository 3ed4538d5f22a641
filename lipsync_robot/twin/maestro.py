"""A Pololu Maestro without hardware: byte-exact, with the board's own limits, errors and fail-safe. Time is passed in.

It hears the compact and the Pololu protocol on one line, and stands for a board whose settings are those that
motors/maestro_settings.py writes: every servo goes home to neutral at power-up and on any error. Mini SSC, PWM and
scripts are not in it: their commands are unknown, so a protocol error.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from ..motors import maestro_protocol as protocol
from ..motors.description import Robot

STEP_S = 0.01  # motion with an acceleration limit is integrated in steps; without one it is exact
UNLIMITED = 1e15  # µs/s and µs/s²: far beyond what can be set
LENGTHS = {  # data bytes of each command, but of SET_TARGETS
    protocol.SET_TARGET: 3,
    protocol.SET_SPEED: 3,
    protocol.SET_ACCELERATION: 3,
    protocol.GET_POSITION: 1,
    protocol.GET_MOVING: 0,
    protocol.GET_ERRORS: 0,
    protocol.GO_HOME: 0,
}


class Board:
    """A twin.device.Device. Positions are pulses in µs."""

    def __init__(self, robot: Robot, now: float) -> None:
        """robot: what the board's settings were made from; now: s on any steady clock."""
        self._robot = robot
        self._motors = {channel: motor for motor, channel in enumerate(robot.channels)}
        self._channels = protocol.channels(robot)
        self._number = protocol.DEVICE_NUMBER if robot.device_number is None else robot.device_number
        self._low, self._high = np.sort(robot.ends, axis=0)
        self._home = np.clip(np.rint(4 * robot.targets(robot.neutral)) / 4, self._low, self._high)
        self._stuck: dict[int, float] = {}  # motor: µs
        self.restart(now)

    def restart(self, now: float) -> None:
        """As after a brown-out: limits, errors, targets and half a command are forgotten, the servos jump home."""
        self.accepted = 0
        self._now, self._deadline = now, now + self._robot.timeout_s
        self._errors = 0
        self._received = bytearray()  # of the command under way
        self._for_others = False  # the bytes that come are data of a command to another device
        self._targets, self._pulses = self._home.copy(), self._home.copy()
        self._velocity = np.zeros(len(self._home))  # µs/s
        self._speeds, self._accelerations = np.full((2, len(self._home)), UNLIMITED)  # µs/s, µs/s²

    def feed(self, received: bytes, now: float) -> bytes:
        """Bytes from the host, in any chunking -> the board's reply."""
        self._pass(now)
        return b"".join(self._byte(byte) for byte in received)

    @property
    def targets(self) -> np.ndarray:
        """(motors,) µs, NaN for a servo that is off."""
        return self._targets.copy()

    def outputs(self, now: float) -> np.ndarray:
        """(motors,) µs, NaN for a servo that is off; where it stands for one that is stuck, which the board cannot feel."""
        self._pass(now)
        outputs = self._pulses.copy()
        for motor, pulse in self._stuck.items():
            outputs[motor] = pulse
        return outputs

    def set_error(self, bits: int) -> None:
        """Raises bits of the error register; like every error it sends the servos home."""
        self._errors |= bits & (1 << len(protocol.ERRORS)) - 1
        self._go(self._home)

    def stick(self, motor: int, stuck: bool) -> None:
        """The servo stays where it is, or follows again at once."""
        if stuck:
            self._stuck.setdefault(motor, float(self._pulses[motor]))
        else:
            self._stuck.pop(motor, None)

    def overload(self, motor: int) -> None:
        """A hobby servo that bears too much stalls, and nobody hears of it."""
        self.stick(motor, True)

    # Bytes to commands.

    def _byte(self, byte: int) -> bytes:
        if byte & 0x80:
            if self._received:  # unfinished
                self.set_error(protocol.PROTOCOL_ERROR)
            self._received, self._for_others = bytearray([byte]), False
        elif self._for_others:
            return b""
        else:
            self._received.append(byte)
        return self._heard()

    def _heard(self) -> bytes:
        """Runs the command under way if it is complete -> its reply."""
        if self._received[0] == protocol.POLOLU:
            if len(self._received) < 3:
                self._for_others = len(self._received) == 2 and self._received[1] != self._number
                if self._for_others:
                    self._received.clear()
                return b""
            command, begin = self._received[2] | 0x80, 3
        else:
            command, begin = self._received[0], 1
        length = self._length(command, self._received[begin:])
        if length is None:
            self._received.clear()
            self.set_error(protocol.PROTOCOL_ERROR)
            return b""
        end = begin + length
        if len(self._received) < end + self._robot.crc:
            return b""
        message, checksum = bytes(self._received[:end]), self._received[end:]
        self._received.clear()
        if self._robot.crc and checksum[0] != protocol.crc7(message):
            self.set_error(protocol.CRC_ERROR)
            return b""
        return self._run(command, message[begin:])

    def _length(self, command: int, data: bytes) -> int | None:
        """How many bytes of data a command has, as far as can be told yet; None where there is no such command."""
        if command == protocol.SET_TARGETS and self._robot.board != "micro":
            return 2 + 2 * data[0] if data else 2
        return LENGTHS.get(command)

    # What the commands do.

    def _run(self, command: int, data: bytes) -> bytes:
        several = command == protocol.SET_TARGETS
        count, first = (data[0], data[1]) if several else (1, data[0] if data else 0)
        if not 0 < count <= self._channels - first:
            self.set_error(protocol.PROTOCOL_ERROR)
            return b""
        self._deadline = self._now + self._robot.timeout_s
        values = data[2:] if several else data[1:]
        numbers = (low | high << 7 for low, high in zip(values[::2], values[1::2], strict=True))
        motors = [self._motors.get(channel) for channel in range(first, first + count)]  # None: nothing hangs there
        match command:
            case protocol.GET_ERRORS:
                errors, self._errors = self._errors, 0
                return errors.to_bytes(2, "little")
            case protocol.GET_MOVING:
                return bytes([self._moving()])
            case protocol.GET_POSITION:
                pulse = 0.0 if motors[0] is None else np.nan_to_num(self._pulses[motors[0]])
                return round(4 * pulse).to_bytes(2, "little")
            case protocol.GO_HOME:
                self._go(self._home)
            case protocol.SET_SPEED:
                _limit(self._speeds, motors[0], next(numbers) * protocol.SPEED_UNIT)
            case protocol.SET_ACCELERATION:
                _limit(self._accelerations, motors[0], min(next(numbers), protocol.SHARPEST) * protocol.ACCELERATION_UNIT)
            case _:
                self._set(motors, numbers)
        return b""

    def _set(self, motors: Sequence[int | None], quarters: Iterable[int]) -> None:
        targets = self._targets.copy()
        for motor, target in zip(motors, quarters, strict=True):
            if motor is not None:
                targets[motor] = np.clip(target / 4, self._low[motor], self._high[motor]) if target else np.nan
        self._go(targets)
        self.accepted += 1  # last: who waits for it in another thread reads the targets then

    # Motion.

    def _go(self, targets: np.ndarray) -> None:
        """targets (motors,) µs. At once where nothing limits, and where a servo is off: the board knows not where it stands."""
        free = (self._speeds == UNLIMITED) & (self._accelerations == UNLIMITED)
        at_once = free | np.isnan(self._pulses) | np.isnan(targets)
        self._pulses = np.where(at_once, targets, self._pulses)
        self._velocity = np.where(at_once, 0.0, self._velocity)
        self._targets = targets.copy()

    def _pass(self, now: float) -> None:
        """Lets time pass, and the host's silence be noticed when it was due."""
        if now > self._deadline:
            self._move(self._deadline)
            self._deadline = math.inf  # until the host is heard again
            self.set_error(protocol.TIMEOUT_ERROR)
        self._move(now)

    def _move(self, now: float) -> None:
        elapsed, self._now = now - self._now, max(now, self._now)
        while elapsed > 0 and self._moving():
            step = min(elapsed, STEP_S)
            elapsed -= step
            ahead = self._targets - self._pulses
            most = self._accelerations * step  # that the speed may change by
            squared = 2 * self._accelerations * np.abs(ahead)
            stoppable = squared / (np.sqrt(squared + most**2 / 4) + most / 2)  # the speed from which steps of `most` end there
            fastest = np.minimum(self._speeds, stoppable)
            self._velocity += np.clip(np.copysign(fastest, ahead) - self._velocity, -most, most)
            travel = self._velocity * step
            arrived = np.abs(ahead) <= travel * np.sign(ahead)
            self._pulses = np.clip(np.where(arrived, self._targets, self._pulses + travel), self._low, self._high)
            self._velocity[arrived] = 0.0

    def _moving(self) -> bool:
        return bool((np.abs(self._targets - self._pulses) > 0).any())  # nothing of a servo that is off


def _limit(limits: np.ndarray, motor: int | None, most: float) -> None:
    if motor is not None:
        limits[motor] = most or UNLIMITED
