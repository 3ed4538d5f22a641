"""Is there a servo controller on this port? Asked so that no servo moves and no board forgets an error.

A Maestro is asked for a position: reading its errors would clear them. It takes a Dynamixel's frame for an error, upon which
it may send its servos home: so it is asked first, and a port that is known to be a Maestro's hears nothing else.
"""

import errno
import os
import termios
from typing import Literal, NamedTuple

import serial
from dynamixel_sdk import PortHandler, Protocol2PacketHandler

from . import maestro_protocol, ports
from .ports import DYNAMIXEL, MAESTRO, Port

State = Literal["answers", "silent", "not asked", "in use", "not allowed", "gone"]

POSITION_OF_0 = bytes([maestro_protocol.GET_POSITION, 0])
CHECKSUM = bytes([maestro_protocol.crc7(POSITION_OF_0)])
MAESTRO_BAUDS = (115200, 9600)  # by USB any will do; 9600 is what a board on a UART has unless told otherwise
DYNAMIXEL_BAUDS = (57600, 1_000_000, 115200, 2_000_000, 3_000_000)  # 57600 is what servos leave the factory with
REPLY_S = 0.3  # a USB hub and a slow adapter included
WRITE_S = 1.0
PTS = "/dev/pts/"


class Found(NamedTuple):
    """What was found out about a port."""

    path: str
    what: str
    state: State
    bus: str | None = None  # a key of description.BUSES
    baud: int | None = None
    detail: str = ""  # of the answer, or of why there is none


def probe(port: Port) -> Found:
    """Asks all that may be behind a port, at the usual bauds: up to 7 s where nobody answers. Raises nothing."""
    found = Found(port.path, port.what, "silent")
    if not port.buses:
        return found._replace(state="not asked", detail="commands go to the board's other port")
    # Not every program locks its port. A pseudo-terminal is always held open, by what is behind it.
    other = None if os.path.realpath(port.path).startswith(PTS) else ports.holder(port.path)
    if other is not None:
        return found._replace(state="in use", detail=f"by process {other}")
    try:
        with serial.Serial(port.path, timeout=REPLY_S, write_timeout=WRITE_S, exclusive=True) as line:
            return _asked(line, port, found)
    except (OSError, termios.error) as error:
        return _unopened(found, error)


def _asked(line: serial.Serial, port: Port, found: Found) -> Found:
    if MAESTRO in port.buses:
        for baud in MAESTRO_BAUDS:
            detail = _maestro(line, baud)
            if detail is not None:
                return found._replace(state="answers", bus=MAESTRO, baud=baud, detail=detail)
    if DYNAMIXEL in port.buses:
        for baud in DYNAMIXEL_BAUDS:
            ids = _dynamixels(line, baud)
            if ids:
                return found._replace(
                    state="answers", bus=DYNAMIXEL, baud=baud, detail=f"ID {', '.join(map(str, sorted(ids)))}"
                )
    return found


def _maestro(line: serial.Serial, baud: int) -> str | None:
    """What there is to know of the Maestro that answers at this baud; None if there is none."""
    line.baudrate = baud
    line.reset_input_buffer()
    for detail, sent in (("", POSITION_OF_0), ("it wants a checksum: crc: true", CHECKSUM)):
        line.write(sent)
        reply = line.read(2)
        if len(reply) == 2 and reply != POSITION_OF_0 and reply[1] < 0x40:  # no echo, and no more than its 14 bits
            return detail
        if reply:
            return None
    return None


def _dynamixels(line: serial.Serial, baud: int) -> list[int]:
    """The IDs that answer a ping to all."""
    try:
        line.baudrate = baud
    except (OSError, ValueError):
        return []  # an adapter that cannot be so fast
    port = PortHandler(line.port)
    port.ser, port.is_open, port.baudrate = line, True, baud  # the port stays open, and locked, from baud to baud
    servos, _ = Protocol2PacketHandler().broadcastPing(port)
    return list(servos)


def _unopened(found: Found, error: OSError | termios.error) -> Found:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EAGAIN, errno.EBUSY):
        return found._replace(state="in use")
    if number in (errno.EACCES, errno.EPERM):
        return found._replace(state="not allowed")
    return found._replace(state="gone", detail=os.strerror(number) if number else str(error))
