"""`lipsync-robot motors` as a person meets it: a real terminal before it, a byte-exact controller behind it."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.cli.keyboard import split
from lipsync_robot.motors import description, maestro_protocol
from lipsync_robot.resources import resource
from lipsync_robot.twin.controlled import VirtualController

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
PATIENCE_S = 60
TWIN, HEAD = resource("config/robots/twin.yaml"), resource("config/robots/dynamixel_head.yaml")
HEAD_NEUTRAL = (head := description.load(HEAD)).targets(head.neutral)  # where virtual servos stand at first
LIP = 5  # lip_upper, of the twin's motors; neutral is 1350 µs
LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"


class Person:
    """Somebody at a terminal of their own, in which one command runs."""

    def __init__(self, *arguments: object) -> None:
        self.screen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execv(COMMAND, [COMMAND, "motors", *map(str, arguments)])
        self.mode = termios.tcgetattr(self._terminal)

    def types(self, *keys: str) -> None:
        for key in keys:
            os.write(self._terminal, key.encode())

    def hangs_up(self) -> None:
        os.close(self._terminal)
        self._terminal = os.open(os.devnull, os.O_RDONLY)

    def looks(self) -> bool:
        """Reads what has come onto the screen meanwhile -> whether there was anything."""
        if select.select([self._terminal], [], [], 0.02)[0]:
            with contextlib.suppress(OSError):  # the command has ended
                come = os.read(self._terminal, 65536).decode(errors="replace")
                self.screen += come
                return bool(come)
        return False

    def waits(self, until: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < give_up, self.screen
            self.looks()

    def sees(self, text: str) -> None:
        self.waits(lambda: text in self.screen)

    def ends(self) -> int:
        """-> the command's exit status; sees to it that the terminal is as it was."""
        ended: list[int] = []

        def is_over() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended.extend([status] if pid else [])
            return bool(ended)

        self.waits(is_over)
        while self.looks():
            pass
        assert termios.tcgetattr(self._terminal) == self.mode
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(ended[0])


class Board(VirtualController):
    """A controller on a serial port, in the test's own hands, that keeps what came over the wire."""

    def __init__(self, robot_yaml: Path, folder: Path) -> None:
        self._log = folder / "wire.log"
        super().__init__(robot_yaml, folder / "port", self._log)

    def stands_at(self, place: float, motor: int = LIP) -> Callable[[], bool]:
        """µs or ticks -> whether the motor is there now."""
        return lambda: bool(abs(self.outputs()[motor] - place) < 0.3)

    def is_off(self, motor: int = LIP) -> bool:
        return bool(np.isnan(self.outputs()[motor]))

    def heard(self) -> np.ndarray:
        """Ends it -> all targets that were sent, (frames, motors) µs or ticks, NaN for off."""
        self.close()
        entries = map(json.loads, self._log.read_text().splitlines())
        return np.array([entry["wire"] for entry in entries if "wire" in entry], float)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    virtual = Board(TWIN, tmp_path)
    yield virtual
    virtual.close()


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Board]:
    """Seven Dynamixels."""
    virtual = Board(HEAD, tmp_path)
    yield virtual
    virtual.close()


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(TWIN.read_text())
    return path


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [COMMAND, "motors", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


def test_the_description_alone_is_listed_without_a_port() -> None:
    ended = run("list", "twin")
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"corner_stretch +8 +1000…2000 +0\.50", ended.stdout)
    assert "now" not in ended.stdout


def test_the_list_says_where_the_motors_stand(board: Board, yaml: Path) -> None:
    ended = run("list", yaml, "--port", board.port)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"lid_upper +2 +1000…2000 +0\.55 +0\.55 +1550 +- +-", ended.stdout)
    assert "no faults" in ended.stdout
    assert len(board.heard()) == 0  # nothing was told to move


def test_the_list_is_there_for_programs_too(board: Board) -> None:
    listed = json.loads(run("list", "twin", "--port", board.port, "--json").stdout)
    assert (listed["robot"], listed["bus"], listed["faults"]) == ("twin", "maestro", [])
    assert listed["motors"][4] == {
        "name": "jaw", "channel": 4, "range": [1000, 2000], "neutral": 0.0,
        "at": 1000.0, "position": 0.0, "temperature": None, "load": None,
    }  # fmt: skip


def test_a_bus_that_feels_its_servos_says_so_in_the_list(chain: Board) -> None:
    chain.inject("overload jaw")
    listed = json.loads(run("list", HEAD, "--port", chain.port, "--json").stdout)
    assert all(motor["temperature"] > 0 and motor["load"] is not None for motor in listed["motors"])
    assert [fault for fault in listed["faults"] if "jaw (ID 5)" in fault] == listed["faults"] != []


def test_a_motor_is_moved_by_the_arrows_and_by_nothing_else(board: Board) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("lip_upper  0.35  1350.0 µs")
    person.types(RIGHT, RIGHT, LEFT, UP)
    person.waits(board.stands_at(1410))
    person.sees("lip_upper  0.41  1410.0 µs")
    person.types("n")
    person.waits(board.stands_at(1350))
    person.types("q")
    assert person.ends() == 0
    heard = board.heard()
    assert (np.delete(heard, LIP, axis=1) == np.delete(heard, LIP, axis=1)[0]).all()
    assert np.isnan(heard[-1, LIP])  # off


def test_space_takes_the_torque_off_at_once_and_a_key_brings_it_back(board: Board) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("0.35")
    person.types(" ")
    person.waits(board.is_off)
    person.sees("torque off")
    person.types(UP)
    person.waits(board.stands_at(1400))
    person.types("qq")
    assert person.ends() == 0


def test_a_space_that_is_typed_too_early_counts_too(board: Board) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.types(" ")
    person.waits(board.is_off)
    person.sees("torque off")
    person.types("q")
    assert person.ends() == 0


@pytest.mark.parametrize("sent", ["\x03", signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_however_it_is_asked_to_end_the_motor_goes_home_and_the_terminal_is_restored(
    board: Board, sent: str | signal.Signals
) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("0.35")
    person.types(UP, UP)
    person.waits(board.stands_at(1450))
    if isinstance(sent, str):
        person.types(sent)
    else:
        os.kill(person.pid, sent)
    assert person.ends() == 0
    assert board.heard()[-2:, LIP] == pytest.approx([1350, np.nan], abs=1.1, nan_ok=True)


def test_a_terminal_that_is_closed_sends_the_motor_home_too(board: Board) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("0.35")
    person.types(UP, UP)
    person.waits(board.stands_at(1450))
    person.hangs_up()
    os.waitpid(person.pid, 0)
    assert board.heard()[-2:, LIP] == pytest.approx([1350, np.nan], abs=1.1, nan_ok=True)


def test_a_controller_that_goes_away_is_said_to_be_gone(board: Board) -> None:
    person = Person("jog", "twin", "jaw", "--port", board.port)
    person.sees("0.00")
    board.inject("unplug")
    assert person.ends() == 2
    assert "is gone" in person.screen
    assert "Traceback" not in person.screen


def test_faults_of_the_board_are_said(board: Board) -> None:
    person = Person("jog", "twin", "jaw", "--port", board.port)
    person.sees("0.00")
    board.inject("errors 1")
    person.sees(f"fault: {maestro_protocol.ERRORS[0]}")
    person.types("q")
    assert person.ends() == 0


def test_a_dynamixel_is_switched_on_where_it_stands_and_its_load_is_shown(chain: Board) -> None:
    person = Person("jog", HEAD, "lip_lower", "--port", chain.port)
    person.sees("°C")
    start = chain.outputs()[4]
    assert not chain.is_off(4)
    person.sees("load")
    person.types(UP)
    person.waits(chain.stands_at(start - 15, 4))  # a twentieth of its range, which is turned round
    assert np.isnan(np.delete(chain.outputs(), 4)).all()  # the others were limp, and stay so
    person.types("q")
    assert person.ends() == 0
    assert chain.is_off(4)


@pytest.mark.parametrize("verb", ["jog", "limits"])
def test_without_a_terminal_it_says_so(verb: str, board: Board, yaml: Path) -> None:
    ended = run(verb, yaml, "jaw", "--port", board.port)
    assert ended.returncode == 2
    assert "run it in a terminal" in ended.stderr
    assert len(board.heard()) == 0


def test_limits_are_found_and_written(yaml: Path, tmp_path: Path) -> None:
    """On a controller whose own limits are wider than those that are described."""
    wide = tmp_path / "wide.yaml"
    wide.write_text(TWIN.read_text().replace("1000.0", "500.0").replace("2000.0", "2500.0"))
    board = Board(wide, tmp_path)
    person = Person("limits", yaml, "lip_upper", "--port", board.port)
    person.sees("lip_upper  1200.0 µs")
    person.sees("0 at 1000  1 at 2000  neutral at 1350")
    person.types(LEFT, LEFT)
    person.waits(board.stands_at(1190))
    person.types("n")
    for place in range(1165, 985, -25):
        person.types(DOWN)
        person.waits(board.stands_at(place))
    person.types("1")
    person.sees("0 at 990  1 at 2000  neutral at 1190  (not written)")
    person.types("w")
    person.sees(f"wrote {yaml}")
    person.types("q")
    assert person.ends() == 0
    board.close()
    changed = "lip_upper, group: lower, channel: 5, min_us: 990.0, max_us: 2000.0, neutral: 0.198, "
    assert yaml.read_text() == re.sub(r"lip_upper,.*?neutral: 0\.35, ", changed, TWIN.read_text())
    assert description.load(yaml).motors[LIP].neutral == 0.198


def test_a_place_that_the_board_does_not_go_to_cannot_be_marked(board: Board, yaml: Path) -> None:
    person = Person("limits", yaml, "lid_upper", "--port", board.port)
    person.sees("1550.0")
    for place in range(1575, 2125, 25):
        person.types(UP)
        person.sees(f"lid_upper  {place:.1f}")
    person.types("2")
    person.sees("marked 2000 µs")
    person.types("q")
    assert person.ends() == 0


def test_a_limp_dynamixel_is_marked_where_a_hand_has_put_it(chain: Board, tmp_path: Path) -> None:
    path = tmp_path / "head.yaml"
    path.write_text(HEAD.read_text())
    person = Person("limits", path, "lip_upper", "--port", chain.port)
    person.sees("°C")
    person.types(" ")
    person.sees("torque off")
    person.types("2", "w")
    person.sees("wrote")
    person.types("q")
    assert person.ends() == 0
    assert description.load(path).motors[3].max_ticks == round(HEAD_NEUTRAL[3])


def test_what_was_not_written_is_said_and_the_yaml_is_as_it_was(board: Board, yaml: Path) -> None:
    person = Person("limits", yaml, "lip_upper", "--port", board.port)
    person.sees("neutral at 1350")
    person.types("1", "2", "w")  # a range without extent
    person.sees("was left as it is")
    person.types("q")
    assert person.ends() == 0
    assert "not written: 0 at 1350 µs, 1 at 1350 µs" in person.screen
    assert yaml.read_text() == TWIN.read_text()


def test_the_packages_own_description_is_not_for_writing(board: Board) -> None:
    ended = run("limits", "twin", "jaw", "--port", board.port)
    assert ended.returncode == 2
    assert "Copy config/robots/twin.yaml" in ended.stderr


def test_keys_may_come_in_pieces_and_unknown_ones_are_passed_over() -> None:
    assert split(b"\x1b[C\x1bOAq \x03w") == (["right", "up", "q", "space", "q", "w"], b"")
    assert split(b"n\x1b[") == (["n"], b"\x1b[")
    assert split(b"\x1b[5~\x1b[1;5C\x1b[6~") == (["page_up", "page_down"], b"")
    assert split(b"\x1bq") == (["q"], b"")
