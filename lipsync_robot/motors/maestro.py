"""Pololu Maestro servo controller: protocol table and bus. Targets are quarter microseconds in two 7-bit bytes."""

import struct
import termios
from collections.abc import Sequence

import serial

from .bus import BusError

SET_TARGET = 0x84  # channel, low 7 bits, high 7 bits
GET_POSITION = 0x90  # channel -> 2 bytes, little endian, quarter µs
SET_TARGETS = 0x9F  # how many, first channel, then low and high of each
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

REPLY_TIMEOUT_S = 0.5
WRITE_TIMEOUT_S = 0.1  # a board that takes nothing for five periods is gone


def words(errors: int) -> list[str]:
    """The board's error register in words."""
    return [text for bit, text in enumerate(ERRORS) if errors >> bit & 1]


def set_targets(channels: Sequence[int], pulses_us: Sequence[float]) -> bytes:
    """One frame for channels in a row; else one command a channel."""
    targets = [round(4 * pulse) for pulse in pulses_us]
    data = [(target & 0x7F, target >> 7 & 0x7F) for target in targets]
    first = channels[0]
    if list(channels) == list(range(first, first + len(channels))):
        return bytes([SET_TARGETS, len(channels), first, *(byte for pair in data for byte in pair)])
    return b"".join(bytes([SET_TARGET, channel, *pair]) for channel, pair in zip(channels, data, strict=True))


class Maestro:
    """An open board. Every method raises BusError, with what to do, when the board is gone."""

    def __init__(self, port: str, baud: int, channels: Sequence[int]) -> None:
        self._port = port
        self._channels = channels
        try:
            self._serial = serial.Serial(port, baud, timeout=REPLY_TIMEOUT_S, write_timeout=WRITE_TIMEOUT_S, exclusive=True)
        except serial.SerialException as error:
            raise BusError(_cannot_open(port, error)) from error
        try:
            self._serial.reset_input_buffer()
            self.errors()
        except (BusError, OSError, termios.error) as error:
            self._serial.close()
            raise error if isinstance(error, BusError) else BusError(_cannot_open(port, error)) from error

    def write(self, pulses_us: Sequence[float]) -> None:
        """Sets the target of every channel, pulse widths in µs."""
        try:
            self._serial.write(set_targets(self._channels, pulses_us))
        except (serial.SerialException, OSError) as error:
            raise BusError(f"{self._port}: the Maestro is gone ({error}). Check its USB cable.") from error

    def read(self) -> list[float]:
        """What the board puts out now, pulse widths in µs, one a channel."""
        return [self._ask(bytes([GET_POSITION, channel])) / 4 for channel in self._channels]

    def errors(self) -> int:
        """The error register, which reading clears; `words` explains it."""
        return self._ask(bytes([GET_ERRORS]))

    def close(self) -> None:
        self._serial.close()

    def _ask(self, command: bytes) -> int:
        try:
            self._serial.write(command)
            reply = self._serial.read(2)
        except (serial.SerialException, OSError) as error:
            raise BusError(f"{self._port}: the Maestro is gone ({error}). Check its USB cable.") from error
        if len(reply) < 2:
            raise BusError(
                f"{self._port}: opens, but does not answer like a Maestro ({len(reply)} of 2 bytes in {REPLY_TIMEOUT_S:g} s). "
                "Use its command port (the lower of the two), or leave out the port to run without hardware."
            )
        return struct.unpack("<H", reply)[0]


def _cannot_open(port: str, error: Exception) -> str:
    if "exclusively lock" in str(error):
        return f"{port}: another program is using it. Stop that one first."
    if "No such file" in str(error):
        return f"{port}: no such port. Plug the Maestro in and look at ls /dev/ttyACM*; the twin needs none."
    if "Permission denied" in str(error):
        return f"{port}: not allowed. Run: sudo usermod -aG dialout $USER, then log in again."
    return f"{port}: cannot be opened as a serial port ({error})."
