"""What the Dynamixel SDK writes to and reads from: a serial port that loses its patience, or bytes that have come already.

The SDK's own port spins while it waits, goes by the wall clock, and reads on for as long as garbage keeps coming.
"""
# ruff: noqa: N802, the names are the SDK's

import contextlib
import io
import termios
import time
from collections.abc import Iterator

import serial
from dynamixel_sdk import PortHandler

from .bus import REPLY_S, BusError
from .dynamixel_table import BAUDS
from .ports import cannot_open

READ_S = 0.01  # one blocking read: how much later than REPLY_S a wait may end


class Port(PortHandler):
    """An open serial port with one owner. Every method raises BusError when it is gone; nothing waits longer than REPLY_S."""

    # The SDK's lock would stay closed after a question whose answer is never fetched; one owner needs none.
    is_using = property(lambda self: False, lambda self, value: None)

    def __init__(self, name: str, baud: int) -> None:
        super().__init__(name)
        if baud not in BAUDS:
            possible = ", ".join(map(str, BAUDS))
            raise BusError(f"{name}: baud {baud} is none of a Dynamixel's: {possible}. Set the one of your servos.")
        self._deadline = 0.0
        self._gone = False
        try:
            self.ser = serial.Serial(name, baud, timeout=READ_S, write_timeout=REPLY_S, exclusive=True)
        except (OSError, termios.error) as error:
            raise BusError(cannot_open(name, error)) from error
        with contextlib.suppress(ValueError, NotImplementedError):  # what has no such setting needs none
            self.ser.set_low_latency_mode(True)  # else an FTDI adapter keeps answers back for 16 ms

    def closePort(self) -> None:
        with contextlib.suppress(OSError, termios.error):
            if self._gone:
                self.ser.reset_output_buffer()  # or what it does not take would be waited for
            self.ser.close()

    def clearPort(self) -> None:
        with self._still_there():
            self.ser.reset_input_buffer()

    def writePort(self, packet: list[int]) -> int:
        with self._still_there():
            return int(self.ser.write(bytes(packet)))

    def readPort(self, length: int) -> bytes:
        """Up to length bytes, as many as come in READ_S; none once the wait is over, however many there are."""
        if self.isPacketTimeout():
            return b""
        with self._still_there():
            return bytes(self.ser.read(length))

    def setPacketTimeout(self, packet_length: int) -> None:
        self._deadline = time.monotonic() + REPLY_S

    def isPacketTimeout(self) -> bool:
        return time.monotonic() >= self._deadline

    def arrived(self) -> "Arrived":
        """What has come by now, without waiting."""
        with self._still_there():
            return Arrived(self.ser.read(self.ser.in_waiting))

    @contextlib.contextmanager
    def _still_there(self) -> Iterator[None]:
        try:
            yield
        except (OSError, termios.error) as error:
            self._gone = True
            text = f"{self.port_name}: the Dynamixels are gone ({error}). Check the USB cable and the adapter's power."
            raise BusError(text) from error


class Arrived:
    """Bytes that have come, as a port to read from: it never waits for more."""

    is_using = False

    def __init__(self, received: bytes) -> None:
        self._received = io.BytesIO(received)

    def readPort(self, length: int) -> bytes:
        return self._received.read(max(0, length))

    def isPacketTimeout(self) -> bool:
        return True
