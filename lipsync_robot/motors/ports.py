"""Names of serial ports: those of the system with what hangs on them, or `twin` for the twin's virtual controller."""

import contextlib
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from ..errors import BadInputError

TWIN = "twin"
MAESTRO, DYNAMIXEL = "maestro", "dynamixel"
EITHER = (MAESTRO, DYNAMIXEL)
POLOLU = 0x1FFB
MAKERS = {  # USB vendor and, where one vendor makes several kinds, product: what it is, and the buses that may be behind it
    (POLOLU, None): ("Pololu Maestro", (MAESTRO,)),
    (0x0403, 0x6014): ("ROBOTIS U2D2 (FTDI FT232H)", (DYNAMIXEL,)),
    (0x0403, None): ("FTDI adapter", EITHER),
    (0x1A86, None): ("CH340 adapter", EITHER),
    (0x10C4, None): ("CP210x adapter", EITHER),
}


class Port(NamedTuple):
    path: str
    what: str  # its maker and role, in words
    buses: tuple[str, ...]  # keys of description.BUSES that may be behind it, in the order in which to ask; none: not to ask


def run_folder() -> Path:
    """Where running programs of this user leave locks and links; gone after a restart. Raises BadInputError."""
    places = [os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()]  # the first may be another user's, or not there
    for place in filter(None, places):
        folder = Path(place, f"lipsync_robot-{os.getuid()}")
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            return folder
    raise BadInputError(f"{folder}: cannot be made. Let XDG_RUNTIME_DIR or TMPDIR name a folder of yours.")


def resolve(port: str, robot: str) -> Path:
    """port: a device path or "twin"; robot: what sets this robot apart from others running here -> the path to open."""
    return run_folder() / f"{robot}.port" if port == TWIN else Path(port)


def is_real(port: str) -> bool:
    """Whether servos may hang behind it: it is a device, and no pseudo-terminal, which is another program's."""
    return port.startswith("/dev/") and not os.path.realpath(port).startswith("/dev/pts/")


def listed() -> list[Port]:
    """The serial ports of this machine."""
    return sorted(described(info) for info in list_ports.comports())


def given(path: str) -> Port:
    """A port by its path, which may be a link such as those in /dev/serial/by-id."""
    real = os.path.realpath(path)
    known = next((port for port in listed() if port.path == real), None)
    return known._replace(path=path) if known else Port(path, "serial port", EITHER)


def described(info: ListPortInfo) -> Port:
    """What pyserial knows of a port, in our words."""
    what, buses = MAKERS.get((info.vid, info.pid)) or MAKERS.get((info.vid, None)) or (info.product or "serial port", EITHER)
    if info.vid == POLOLU:
        # A Maestro has two: what is sent to the second goes out on its TX pin, to whatever else is wired there.
        first = re.search(r":\d+\.0$", info.location or ":1.0")
        what, buses = (f"{what}, command port", buses) if first else (f"{what}, TTL port", ())
    return Port(info.device, what, buses)


def cannot_open(port: str, error: Exception) -> str:
    """Why pyserial did not open a port, and what to do, in a sentence."""
    if "exclusively lock" in str(error):
        return f"{port}: another program is using it. Stop that one first."
    if "No such file" in str(error):
        return f"{port}: no such port. Plug it in: `lipsync-robot find-port` lists what there is; the twin needs none."
    if "Permission denied" in str(error):
        return f"{port}: not allowed. Run: sudo usermod -aG dialout $USER, then log in again."
    return f"{port}: cannot be opened as a serial port ({error})."


def holder(path: str) -> int | None:
    """The process that has a port open, this one apart; None where there is none or it is another user's."""
    wanted = os.path.realpath(path)
    for process in filter(str.isdigit, os.listdir("/proc")):
        if int(process) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # ended meanwhile, or another user's
            for file in os.scandir(f"/proc/{process}/fd"):
                if os.readlink(file.path) == wanted:
                    return int(process)
    return None
