"""The virtual controller as a real process behind a real pty: what it does to a host that is well, and to one that is not."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import serial

from lipsync_robot.errors import BadInputError
from lipsync_robot.motors import description
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.maestro_protocol import crc7
from lipsync_robot.resources import resource
from lipsync_robot.twin import servos
from lipsync_robot.twin.controlled import VirtualController
from lipsync_robot.twin.controller import ControllerError

TWIN = resource("config/robots/twin.yaml")
JAW = 4
AWAY = np.full(11, 0.8)
PATIENCE_S = 30.0  # for what takes milliseconds on a machine with nothing else to do


def eventually(condition: Callable[[], object], pause_s: float = 0.01) -> bool:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(pause_s)
    return True


class Host:
    """Speaks the Maestro's compact protocol, written out: bytes as in Pololu's user's guide."""

    def __init__(self, port: Path, robot: Robot) -> None:
        self.serial = serial.Serial(str(port), robot.baud, timeout=PATIENCE_S, exclusive=True)
        self._robot = robot

    def send(self, positions: np.ndarray) -> None:
        """One frame with the targets of all eleven servos, positions (11,) in 0..1."""
        targets = np.round(4 * self._robot.targets(positions)).astype(int)
        self._write(bytes([0x9F, 11, 0, *np.column_stack([targets & 0x7F, targets >> 7]).ravel()]))

    def _write(self, command: bytes) -> None:
        self.serial.write(command + bytes([crc7(command)]))

    def moves(self, positions: np.ndarray, until: Callable[[], object]) -> bool:
        """Sends until it is so: a board that hears nothing for its timeout goes home."""
        return eventually(lambda: self.send(positions) or until())

    def talks_on(self, positions: np.ndarray) -> threading.Thread:
        """Sends for as long as there is somebody to send to."""

        def talk() -> None:
            with contextlib.suppress(serial.SerialException, OSError):
                while True:
                    self.send(positions)
                    time.sleep(0.01)

        talking = threading.Thread(target=talk)
        talking.start()
        return talking

    def errors(self, patience_s: float = PATIENCE_S) -> int | None:
        """The error register; None where two bytes do not come."""
        self.serial.timeout = patience_s
        self.serial.reset_input_buffer()
        self._write(b"\xa1")
        reply = self.serial.read(2)
        return int.from_bytes(reply, "little") if len(reply) == 2 else None


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "wire.jsonl"


@pytest.fixture
def controller(tmp_path: Path, log: Path) -> Iterator[VirtualController]:
    virtual = VirtualController(TWIN, tmp_path / "port", log)
    yield virtual
    virtual.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[VirtualController]:
    """Bears a host that is silent for seconds."""
    described = tmp_path / "patient.yaml"
    described.write_text(TWIN.read_text().replace("baud: 115200", "baud: 115200\ntimeout_s: 5.0"))
    virtual = VirtualController(described, tmp_path / "port")
    yield virtual
    virtual.close()


@pytest.fixture
def host(controller: VirtualController, robot: Robot) -> Iterator[Host]:
    connected = Host(controller.port, robot)
    yield connected
    connected.serial.close()


def stands_at(controller: VirtualController, positions: np.ndarray) -> bool:
    return np.allclose(controller.positions(), positions, atol=0.001)


def logged(log: Path, name: str) -> list:
    """All that the log says under a name, in order."""
    entries = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [entry[name] for entry in entries if name in entry]


def runs(pid: int) -> bool:
    """Whether the process is there, and no zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_starts_at_neutral_and_goes_where_the_host_says(controller, host, robot) -> None:
    assert controller.alive
    assert stands_at(controller, robot.neutral)
    assert host.moves(AWAY, until=lambda: stands_at(controller, AWAY))
    assert controller.outputs() == pytest.approx(robot.targets(AWAY), abs=0.125)
    assert host.errors() is not None


def test_a_silent_host_lets_the_servos_go_home(controller, host, robot) -> None:
    assert host.moves(AWAY, until=lambda: stands_at(controller, AWAY))
    assert eventually(lambda: stands_at(controller, robot.neutral))


def test_hosts_come_and_go(controller, robot) -> None:
    for _ in range(3):
        host = Host(controller.port, robot)
        assert host.errors() is not None
        host.serial.close()


@pytest.mark.parametrize("path", sorted(resource("config/robots").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_robot_that_is_shipped_has_a_controller(path: Path, tmp_path: Path) -> None:
    controller = VirtualController(path, tmp_path / "port")
    assert controller.positions().shape == (len(description.load(path).motors),)
    assert controller.port.is_char_device()
    controller.close()


def test_it_shows_that_it_lives(controller) -> None:
    seen = servos.View(controller.port)
    beats, now = seen.beats, seen.now
    assert eventually(lambda: seen.beats > beats + 10)
    assert now < seen.now <= time.monotonic()


def test_it_tells_once_where_the_servos_were_driven_to_and_from_when_on(controller, host, robot) -> None:
    powered, *none = controller.moves()
    assert none == []
    assert powered[1] == pytest.approx(robot.neutral, abs=0.001)
    told = []
    for there in (AWAY, robot.neutral):
        asked = time.monotonic()
        assert host.moves(there, until=lambda there=there: stands_at(controller, there))
        told.append((asked, time.monotonic()))
    moves = controller.moves()
    assert controller.moves() == []
    for (moment, there), (asked, arrived), wish in zip(moves, told, (AWAY, robot.neutral), strict=True):
        assert asked - 1 < moment < arrived  # a frame may be read in a turn that began before it was sent
        assert there == pytest.approx(wish, abs=0.001)


def test_moves_that_nobody_asked_for_in_time_are_forgotten(patient, robot) -> None:
    host, taken = Host(patient.port, robot), patient.accepted()
    wishes = [np.full(len(AWAY), share) for share in np.linspace(0.1, 0.9, servos.KEPT + 50)]
    for i, wish in enumerate(wishes):
        host.send(wish)
        assert eventually(lambda i=i: patient.accepted() > taken + i, pause_s=0)
    assert eventually(lambda: stands_at(patient, wishes[-1]))
    moves = patient.moves()
    assert len(moves) == servos.KEPT - 1
    for (_, there), wish in zip(moves, wishes[-len(moves) :], strict=True):
        assert there == pytest.approx(wish, abs=0.0003)  # less than from one to the next
    host.serial.close()


def test_lost_bytes_are_lost_both_ways_until_it_is_cleared(controller, host) -> None:
    controller.inject("drop 1")
    assert host.errors(patience_s=0.2) is None
    controller.inject("clear")
    assert host.errors() is not None


def test_bits_are_flipped(controller, host, log) -> None:
    controller.inject("corrupt 1")
    assert host.moves(AWAY, until=lambda: len(logged(log, "wire")) > 10)
    assert logged(log, "targets") == []
    controller.inject("clear")
    assert host.errors()  # the board has noticed


def test_at_the_wrong_baud_rate_no_pose_comes_through(controller, host, robot, log) -> None:
    controller.inject("baud")
    assert host.moves(AWAY, until=lambda: len(logged(log, "wire")) > 10)
    assert list(robot.targets(AWAY)) not in logged(log, "targets")
    controller.inject("clear")
    assert host.moves(AWAY, until=lambda: stands_at(controller, AWAY))


def test_a_delay_counts_in_each_direction(controller, host) -> None:
    controller.inject("delay 0.3")
    asked = time.monotonic()
    assert host.errors() is not None
    assert time.monotonic() - asked >= 0.6


def test_garbage_reaches_both_ends(controller, host) -> None:
    controller.inject("garbage 64")
    assert len(host.serial.read(64)) == 64
    assert eventually(lambda: host.errors(patience_s=0.2))  # the board may take a question for the end of the garbage


def test_a_flood_that_nobody_reads_stops_nothing(controller, host) -> None:
    for _ in range(5):
        controller.inject("garbage 20000")
    assert controller.alive
    assert eventually(lambda: host.errors(patience_s=0.2) is not None)


def test_an_undervoltage_restarts_the_device(patient, robot) -> None:
    host = Host(patient.port, robot)
    assert host.moves(AWAY, until=lambda: stands_at(patient, AWAY))
    patient.inject("brown-out")
    assert eventually(lambda: stands_at(patient, robot.neutral))
    patient.inject("errors 0x01")
    patient.inject("brown-out")
    assert host.errors() == 0
    host.serial.close()


def test_errors_of_the_device_are_there_to_be_read(controller, host) -> None:
    controller.inject("errors 0x05")
    errors = host.errors()
    assert errors is not None
    assert errors & 0x05 == 0x05


@pytest.mark.parametrize("fault", ["stick", "overload"])
def test_a_motor_that_cannot_move_stays_while_the_others_go(controller, host, robot, fault: str) -> None:
    controller.inject(f"{fault} jaw")
    held = AWAY.copy()
    held[JAW] = robot.neutral[JAW]
    assert host.moves(AWAY, until=lambda: stands_at(controller, held))
    controller.inject("release jaw")
    assert host.moves(AWAY, until=lambda: stands_at(controller, AWAY))


def test_unplugged_the_host_sees_a_hang_up_and_replugged_it_finds_the_port_again(controller, host, robot) -> None:
    controller.inject("unplug")
    assert not os.path.lexists(controller.port)
    with pytest.raises((serial.SerialException, OSError)):
        for _ in range(10):
            host.serial.write(b"\xa1")
            host.serial.read(2)
    host.serial.close()
    controller.inject("replug")
    again = Host(controller.port, robot)
    assert again.moves(AWAY, until=lambda: stands_at(controller, AWAY))
    again.serial.close()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("explode", "'explode' is no fault. Known: drop P, corrupt P"),
        ("", "'' is no fault"),
        ("drop", "'drop' is no fault"),
        ("drop 1.5", "'1.5' is no number from 0 to 1"),
        ("corrupt nan", "'nan' is no number from 0 to 1"),
        ("delay -1", "'-1' is no number from 0 to 60"),
        ("garbage 2.5", "'2.5' is no whole number from 0 to"),
        ("errors 0x10000", "'0x10000' is no whole number from 0 to 65535"),
        ("stick jwa", "twin has no motor 'jwa'. Did you mean 'jaw'?"),
    ],
)
def test_a_fault_that_cannot_be_is_one_clear_sentence(controller, fault: str, says: str) -> None:
    with pytest.raises(ControllerError, match=re.escape(says)):
        controller.inject(fault)
    controller.inject("clear")  # and nothing is out of step


def test_the_log_holds_what_was_sent_what_was_taken_and_the_faults(controller, host, robot, log) -> None:
    sent = [list(np.round(4 * robot.targets(np.full(11, share))) / 4) for share in np.linspace(0, 1, 40)]
    controller.inject("seed 7")
    controller.inject("corrupt 0.02")
    for share in np.linspace(0, 1, 40):
        host.send(np.full(11, share))
    assert eventually(lambda: len(logged(log, "wire")) == 40)
    assert logged(log, "wire") == sent  # in one chunk or in many, none is missing
    taken = logged(log, "targets")
    assert 0 < sum(targets in sent for targets in taken) < 40  # about 0.6 of all have no byte damaged
    assert logged(log, "fault") == ["seed 7", "corrupt 0.02"]
    moments = logged(log, "t")
    assert moments == sorted(moments)
    assert moments[-1] <= time.monotonic()


def test_when_its_parent_is_killed_the_servos_go_home_and_it_ends(robot, tmp_path) -> None:
    link = tmp_path / "port"
    program = (
        "import sys, time; from pathlib import Path; from lipsync_robot.twin.controlled import VirtualController\n"
        "print(VirtualController(Path(sys.argv[1]), Path(sys.argv[2])).pid, flush=True); time.sleep(1000)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(TWIN), str(link)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    seen = servos.View(link)
    host = Host(link, robot)
    assert host.moves(AWAY, until=lambda: np.allclose(seen.outputs, robot.targets(AWAY), atol=1))
    talking = host.talks_on(AWAY)  # and does not stop when the parent dies
    parent.kill()
    parent.wait()
    assert eventually(lambda: not runs(pid))
    talking.join()
    assert np.allclose(seen.outputs, robot.targets(robot.neutral), atol=1)
    assert list(tmp_path.iterdir()) == []
    host.serial.close()
    parent.stdout.close()


def test_ctrl_c_at_the_terminal_does_not_reach_it(controller) -> None:
    assert os.getsid(controller.pid) != os.getsid(0)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_leaves_nothing_behind(controller, log, ending: signal.Signals) -> None:
    os.kill(controller.pid, ending)
    assert eventually(lambda: not controller.alive)
    assert list(controller.port.parent.iterdir()) == [log]
    assert "has ended (exit status 0)" in controller.fault


def test_closing_it_leaves_nothing_behind(controller, log) -> None:
    controller.close()
    assert list(controller.port.parent.iterdir()) == [log]


def test_killed_it_is_missed_and_another_takes_its_place(controller, robot) -> None:
    os.kill(controller.pid, signal.SIGKILL)
    assert eventually(lambda: not controller.alive)
    assert np.isfinite(controller.positions()).all()  # the last it did
    with pytest.raises(ControllerError, match="port: the virtual servo controller has ended"):
        controller.inject("clear")
    successor = VirtualController(TWIN, controller.port)
    host = Host(successor.port, robot)
    assert host.moves(AWAY, until=lambda: stands_at(successor, AWAY))
    host.serial.close()
    successor.close()


def test_one_that_is_relieved_does_not_take_its_successors_port_away(controller) -> None:
    successor = VirtualController(TWIN, controller.port)
    controller.close()
    assert successor.port.is_char_device()
    assert servos.beside(successor.port).exists()
    successor.close()


def test_it_is_of_the_same_package_wherever_it_is_started(tmp_path, monkeypatch) -> None:
    (tmp_path / "lipsync_robot").mkdir()
    (tmp_path / "lipsync_robot" / "__init__.py").write_text("raise RuntimeError('another one')")
    monkeypatch.chdir(tmp_path)
    controller = VirtualController(TWIN, Path("port"))  # relative to here all the same
    assert (tmp_path / "port").is_char_device()
    controller.close()


def test_what_keeps_it_from_starting_is_one_clear_sentence(tmp_path) -> None:
    with pytest.raises(ControllerError, match=r"nowhere/port: the port cannot be linked there .No such file or directory"):
        VirtualController(TWIN, tmp_path / "nowhere" / "port")
    with pytest.raises(ControllerError, match="nowhere/log: the log cannot be written"):
        VirtualController(TWIN, tmp_path / "port", log=tmp_path / "nowhere" / "log")
    with pytest.raises(BadInputError, match=r"nowhere.yaml: no such file"):
        VirtualController(tmp_path / "nowhere.yaml", tmp_path / "port")


def test_it_is_light() -> None:
    heavy = {"mujoco", "scipy", "rclpy", "onnxruntime", "serial", "dynamixel_sdk"}
    program = f"import sys, lipsync_robot.twin.controller; print(*({heavy} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
