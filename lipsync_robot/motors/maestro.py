"""A Pololu Maestro on a serial port: the bus whose frames are in maestro_protocol.py. Positions are pulses in µs."""

import contextlib
import termios
import time
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import serial

from . import maestro_protocol as protocol
from .bus import REPLY_S, BusError, Health, WhenSilent
from .description import Robot
from .ports import cannot_open

SILENCE_S = 0.03  # after which nothing more is to be expected of a question of before: USB takes up to 16 ms
READINGS = 4  # of the positions that must agree: of two that were damaged 1 in 10,000 was believed, of three 1 in a million
NOTICES_S = 0.05  # that a board may need beyond its timeout: it counts in steps of 10 ms

frame_s, answer_s = protocol.frame_s, protocol.question_s  # as every bus has them, for buses.py


class Maestro:
    """An open board, a motors.bus.Bus. Every method raises BusError, with what to do, when the board is gone.

    Whether it notices a silent host, as only one whose serial timeout is set does, is put to the test when it is opened.
    """

    def __init__(self, robot: Robot, port: str) -> None:
        """Opens the port, makes sure that a Maestro with the robot's settings is there, and sets its limits."""
        self.when_silent: WhenSilent = "nothing"
        self._gone = False
        self._owed = 0  # bytes of the answer to `ask` that have not been read
        self._robot, self._port = robot, port
        self._low, self._high = np.sort(robot.ends, axis=0)
        self._get_errors = protocol.packet(robot, protocol.GET_ERRORS)
        self._get_positions = b"".join(protocol.packet(robot, protocol.GET_POSITION, channel) for channel in robot.channels)
        limits = [protocol.set_limits(robot, motor) for motor in robot.motors]
        self._next_limits = cycle(limits)
        checked_limits = b"".join(limits) + self._get_errors
        longest = max(len(self._get_positions) + 2 * len(robot.motors), len(checked_limits) + 2)  # question and answer
        self._patience = REPLY_S + protocol.wire_s(robot, longest)
        try:
            self._serial = serial.Serial(port, robot.baud, timeout=self._patience, write_timeout=REPLY_S, exclusive=True)
        except (OSError, ValueError, termios.error) as error:
            raise BusError(cannot_open(port, error)) from error
        try:
            self._identify(checked_limits)
        except BusError:
            self._serial.close()
            raise

    def read(self) -> np.ndarray:
        """(motors,) µs that the board puts out now, NaN for a servo that is off. Asked four times: answers have no checksum."""
        asked = time.monotonic()
        pulses = self._pulses()
        for _ in range(READINGS - 1):
            before, asked_before, asked = pulses, asked, time.monotonic()
            pulses = self._pulses()
            if not protocol.agree(self._robot, before, pulses, time.monotonic() - asked_before):
                raise BusError(f"{self._port}: the Maestro's answers differ from one to the next. Look for noise on the line.")
        for i in np.flatnonzero(protocol.impossible(pulses)):
            raise BusError(
                f"{self._port}: channel {self._robot.channels[i]} is at {pulses[i]:g} µs, which no servo is. Make it a servo "
                "in the board's settings; its baud and CRC must be as in the robot's description."
            )
        return pulses

    def write(self, targets: np.ndarray) -> None:
        """targets (motors,) µs, kept within each motor's range. Raises ValueError where one is not finite: nothing is sent."""
        if not np.isfinite(targets).all():
            raise ValueError(f"targets must be finite: {targets}")
        quarters = np.rint(4 * np.clip(targets, self._low, self._high)).astype(int)
        self._send(protocol.set_targets(self._robot, quarters.tolist()))

    def torque(self, on: bool) -> None:
        """Off: no pulses, so a hobby servo goes limp. On: the next write brings them back."""
        if not on:
            self._send(protocol.set_targets(self._robot, [0] * len(self._robot.motors)))

    def reboot(self) -> bool:
        """Nothing: a Maestro's servos do not switch themselves off."""
        return False

    def ask(self) -> None:
        """Asks for the errors, and sets the limits of one channel after the other anew.

        A board that a brown-out has reset has forgotten them: to set them costs a few bytes, to find out a round trip.
        """
        with self._still_there():
            self._serial.reset_input_buffer()
            self._serial.write(self._get_errors + next(self._next_limits))
        self._owed = 2

    def answer(self) -> Health | None:
        """The board's errors since `ask` before; it measures nothing. None where no answer, or a damaged one, has come."""
        with self._still_there():
            if self._serial.in_waiting != self._owed or not self._owed:
                return None
            register = protocol.errors(self._serial.read(self._owed))
        self._owed = 0
        if register is None:
            return None
        self._note_timeout(register)
        unknown = np.full(len(self._robot.motors), np.nan)
        return Health(protocol.words(register), unknown, unknown, unknown)

    def close(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            if self._gone:
                self._serial.reset_output_buffer()  # or what it does not take would be waited for
            self._serial.close()

    def _identify(self, checked_limits: bytes) -> None:
        """What stood in the register before is of others, a timeout of the silence; what stands there after is our doing."""
        self._await_silence()
        self._errors(self._get_errors)
        if self.when_silent == "nothing":  # somebody has just spoken to it
            time.sleep(self._robot.timeout_s + NOTICES_S)
            self._errors(self._get_errors)
        self.read()
        register = self._errors(checked_limits)
        if register & protocol.MISHEARD:
            raise BusError(
                f"{self._port}: the Maestro does not understand ({'; '.join(protocol.words(register))}). "
                "Its baud and CRC must be as in the robot's description."
            )

    def _await_silence(self) -> None:
        """What was asked before the port was opened may still be answered, and would be taken for answers to what comes now."""
        give_up = time.monotonic() + REPLY_S
        with self._still_there():
            self._serial.timeout = SILENCE_S
            while self._serial.read(1) and time.monotonic() < give_up:
                self._serial.reset_input_buffer()
            self._serial.timeout = self._patience

    def _errors(self, question: bytes) -> int:
        """The error register, by a question that ends in asking for it."""
        reply = self._exchange(question, 2)
        register = protocol.errors(reply)
        if register is None:
            raise BusError(self._stranger(f"its errors are 0x{reply[::-1].hex()}"))
        self._note_timeout(register)
        return register

    def _pulses(self) -> np.ndarray:
        return protocol.pulses(self._exchange(self._get_positions, 2 * len(self._robot.motors)))

    def _exchange(self, question: bytes, size: int) -> bytes:
        owed, self._owed = self._owed, 0  # answers do not say what they answer: one that is due comes first
        with self._still_there():
            if not owed:
                self._serial.reset_input_buffer()
            self._serial.write(question)
            reply: bytes = self._serial.read(owed + size)[owed:]
        if len(reply) < size:
            raise BusError(self._stranger(f"{len(reply)} of {size} bytes in {self._patience:.2g} s"))
        return reply

    def _send(self, frames: bytes) -> None:
        with self._still_there():
            self._serial.write(frames)

    def _note_timeout(self, register: int) -> None:
        if register & protocol.TIMEOUT_ERROR:
            self.when_silent = "home"

    @contextlib.contextmanager
    def _still_there(self) -> Iterator[None]:
        try:
            yield
        except (OSError, termios.error) as error:
            self._gone = True
            raise BusError(f"{self._port}: the Maestro is gone ({error}). Check its USB cable.") from error

    def _stranger(self, found: str) -> str:
        return (
            f"{self._port}: opens, but does not answer like a Maestro ({found}). Use its command port (the lower of the two), "
            "see that its baud, CRC and device number are as in the robot's description, or leave out the port to run "
            "without hardware."
        )
