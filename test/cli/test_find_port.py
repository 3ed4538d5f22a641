"""`lipsync-robot find-port`, asking real pseudo-terminals with a servo controller, or something else, behind them."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import serial
from dynamixel_sdk import Protocol2PacketHandler
from serial.tools.list_ports_common import ListPortInfo

from lipsync_robot.motors import maestro_protocol, ports, probe
from lipsync_robot.motors.buses import open_bus
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.ports import Port
from lipsync_robot.motors.probe import Found
from lipsync_robot.resources import resource
from lipsync_robot.twin.controlled import VirtualController

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
PING_ALL = bytes.fromhex("fffffd00fe0300013142")


@contextmanager
def device(reply: Callable[[bytes, int], bytes]) -> Iterator[str]:
    """A port behind which `reply` answers: it is given all bytes since its last answer, and the speed of the line."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    ended = threading.Event()

    def serve() -> None:
        heard = b""
        while not ended.is_set():
            if select.select([ours], [], [], 0.05)[0]:
                heard += os.read(ours, 4096)
                answer = reply(heard, termios.tcgetattr(ours)[5])
                if answer:
                    os.write(ours, answer)
                    heard = b""

    thread = threading.Thread(target=serve)
    thread.start()
    yield os.ttyname(theirs)
    ended.set()
    thread.join()
    os.close(ours)
    os.close(theirs)


def status(servo: int) -> bytes:
    """What a Dynamixel XL330 (model 1200) with this ID answers to a ping."""
    packet = [0xFF, 0xFF, 0xFD, 0x00, servo, 7, 0, 0x55, 0, 1200 & 0xFF, 1200 >> 8, 52]
    crc = Protocol2PacketHandler().updateCRC(0, packet, len(packet))
    return bytes([*packet, crc & 0xFF, crc >> 8])


def dynamixels(heard: bytes, speed: int) -> bytes:
    return status(1) + status(7) if speed == termios.B1000000 and heard.endswith(PING_ALL) else b""


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [COMMAND, "find-port", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def asked(path: str, buses: tuple[str, ...] = ports.EITHER) -> Found:
    return probe.probe(Port(path, "serial port", buses))


def test_a_maestro_is_found_and_the_next_command_named(board: VirtualController) -> None:
    ended = run(board.port)
    assert ended.returncode == 0, ended.stderr
    assert f"{board.port}  serial port: answers as Maestro at 115200 baud" in ended.stdout
    assert f"next: lipsync-robot motors list ROBOT --port {board.port}" in ended.stdout


def test_a_maestro_that_wants_checksums_takes_being_asked_for_no_error(board: VirtualController, robot: Robot) -> None:
    board.inject("errors 1")
    assert asked(str(board.port)).detail == "it wants a checksum: crc: true"
    with serial.Serial(str(board.port), timeout=20) as line:
        line.write(maestro_protocol.packet(robot, maestro_protocol.GET_ERRORS))
        register = int.from_bytes(line.read(2), "little")
    assert register & ~maestro_protocol.TIMEOUT_ERROR == 1  # nobody had spoken to it for long


def test_being_asked_moves_nothing_and_forgets_no_error(plug: Callable[..., VirtualController]) -> None:
    board = plug(crc=False)
    cut_short, to_1536_us = [maestro_protocol.SET_TARGET, 3], [maestro_protocol.SET_TARGET, 0, 0x00, 0x30]
    with serial.Serial(str(board.port)) as line:
        line.write(bytes(cut_short + to_1536_us))
    assert asked(str(board.port)).state == "answers"
    with serial.Serial(str(board.port), timeout=20) as line:
        line.write(bytes([maestro_protocol.GET_ERRORS]))
        assert maestro_protocol.words(int.from_bytes(line.read(2), "little")) == [maestro_protocol.ERRORS[4]]
    assert board.outputs()[0] == 1536


def test_dynamixels_are_found_at_the_baud_they_talk_at() -> None:
    with device(dynamixels) as path:
        found = json.loads(run(path, "--json").stdout)
    assert found == [
        {"path": path, "what": "serial port", "state": "answers", "bus": "dynamixel", "baud": 1_000_000, "detail": "ID 1, 7"}
    ]


@pytest.mark.parametrize("reply", [lambda heard, _: b"", lambda heard, _: heard, lambda heard, _: b"$GPGGA,123519,4807.038"])
def test_what_is_silent_echoes_or_babbles_is_no_controller(reply: Callable[[bytes, int], bytes]) -> None:
    with device(reply) as path:
        ended = run(path)
    assert ended.returncode == 1
    assert f"{path}  serial port: silent" in ended.stdout
    assert "no servo controller answers" in ended.stderr
    assert "--wait" in ended.stderr


def test_a_port_in_use_is_said_to_be_so_and_left_alone(robot: Robot, board: VirtualController) -> None:
    bus = open_bus(robot, str(board.port))
    ended = run(board.port)
    bus.close()
    assert ended.returncode == 1
    assert "in use; another program is using it: stop that one first" in ended.stdout


def test_a_program_that_does_not_lock_its_port_is_noticed_too(tmp_path: Path) -> None:
    held, free = tmp_path / "held", tmp_path / "free"
    held.touch()
    free.touch()
    with held.open() as file:
        other = subprocess.Popen(["sleep", "60"], stdin=file)
    try:
        assert ports.holder(str(held)) == other.pid
        assert ports.holder(str(free)) is None
        assert asked(str(held)).detail == f"by process {other.pid}"
    finally:
        other.kill()
        other.wait()


def test_what_is_no_serial_port_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "nothing"):
        ended = run(tmp_path / name)
        assert ended.returncode == 1
        assert f"{name}  serial port: gone; cannot be opened as a serial port" in ended.stdout


def test_waits_for_a_port_to_appear_and_asks_it(tmp_path: Path) -> None:
    link = tmp_path / "ttyACM0"
    command = [COMMAND, "find-port", str(link), "--wait"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)
    with ExitStack() as ends:
        ends.callback(VirtualController(resource("config/robots/twin.yaml"), link).close)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "answers as Maestro" in said


@pytest.mark.parametrize(
    ("vid", "pid", "location", "what", "buses"),
    [
        (0x1FFB, 0x008A, "1-2:1.0", "Pololu Maestro, command port", ("maestro",)),
        (0x1FFB, 0x008A, "1-2:1.2", "Pololu Maestro, TTL port", ()),
        (0x0403, 0x6014, "1-2", "ROBOTIS U2D2 (FTDI FT232H)", ("dynamixel",)),
        (0x1A86, 0x7523, "1-2", "CH340 adapter", ("maestro", "dynamixel")),
        (0x10C4, 0xEA60, "1-2", "CP210x adapter", ("maestro", "dynamixel")),
        (0x2341, 0x0043, "1-2", "Arduino Uno", ("maestro", "dynamixel")),
        (None, None, None, "serial port", ("maestro", "dynamixel")),
    ],
)
def test_makers_are_known_by_their_usb_ids(vid, pid, location, what, buses) -> None:
    info = ListPortInfo("/dev/ttyACM0")
    info.vid, info.pid, info.location = vid, pid, location
    info.product = "Arduino Uno" if vid == 0x2341 else None
    assert ports.described(info) == Port("/dev/ttyACM0", what, buses)


def test_a_maestros_second_port_hears_nothing() -> None:
    heard = []
    with device(lambda received, _: heard.append(received) or b"") as path:
        assert asked(path, ()).state == "not asked"
    assert heard == []
