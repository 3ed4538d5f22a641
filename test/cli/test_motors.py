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
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from lipsync_robot.cli.keyboard import split
from lipsync_robot.motors import description, maestro_protocol
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.limits import widened
from lipsync_robot.resources import resource
from lipsync_robot.twin.controlled import VirtualController

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
PATIENCE_S = 60
HEAD = resource("config/robots/dynamixel_head.yaml")
LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"


class Person:
    """Somebody at a terminal of their own, in which one command runs."""

    def __init__(self, *arguments: object) -> None:
        self.screen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            wide = {**os.environ, "COLUMNS": "200"}  # what is said of a file stands on one line, however long its path
            os.execve(COMMAND, [COMMAND, "motors", *map(str, arguments)], wide)
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


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[VirtualController]:
    """Seven Dynamixels, limp."""
    virtual = VirtualController(HEAD, tmp_path / "port")
    yield virtual
    virtual.close()


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(resource("config/robots/twin.yaml").read_text())
    return path


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [COMMAND, "motors", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


def test_the_description_alone_is_listed_without_a_port() -> None:
    ended = run("list", "twin")
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"corner_stretch +8 +1000…2000 +0\.50", ended.stdout)
    assert "now" not in ended.stdout


def test_the_list_says_where_the_motors_stand(board: VirtualController, yaml: Path) -> None:
    ended = run("list", yaml, "--port", board.port)
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"lid_upper +2 +1000…2000 +0\.55 +0\.55 +1550 +- +-", ended.stdout)
    assert "no faults" in ended.stdout


def test_the_list_is_there_for_programs_too(board: VirtualController) -> None:
    listed = json.loads(run("list", "twin", "--port", board.port, "--json").stdout)
    assert (listed["robot"], listed["bus"], listed["faults"]) == ("twin", "maestro", [])
    assert listed["motors"][4] == {
        "name": "jaw", "channel": 4, "range": [1000, 2000], "neutral": 0.0,
        "at": 1000.0, "position": 0.0, "temperature": None, "load": None,
    }  # fmt: skip


def test_a_bus_that_feels_its_servos_says_so_in_the_list(chain: VirtualController) -> None:
    chain.inject("overload jaw")
    listed = json.loads(run("list", HEAD, "--port", chain.port, "--json").stdout)
    assert all(motor["temperature"] > 0 and motor["load"] is not None for motor in listed["motors"])
    assert [fault for fault in listed["faults"] if "jaw (ID 5)" in fault] == listed["faults"] != []


def test_a_motor_is_moved_by_the_arrows_and_by_nothing_else(board: VirtualController, robot: Robot) -> None:
    before = board.positions()
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("lip_upper  0.35  1350.0 µs")
    person.types(RIGHT, RIGHT, LEFT, UP)
    person.waits(lambda: board.positions()[5] == pytest.approx(0.41, abs=1e-3))
    person.sees("lip_upper  0.41  1410.0 µs")
    others = np.arange(11) != 5
    assert (board.positions()[others] == before[others]).all()
    person.types("n")
    person.waits(lambda: board.positions()[5] == pytest.approx(0.35, abs=1e-3))
    person.types("q")
    assert person.ends() == 0
    assert np.isnan(board.positions()[5])  # off
    assert (board.positions()[others] == before[others]).all()


def test_space_takes_the_torque_off_at_once_and_a_key_brings_it_back(board: VirtualController) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("0.35")
    person.types(" ")
    person.waits(lambda: np.isnan(board.positions()[5]))
    person.sees("torque off")
    person.types(UP)
    person.waits(lambda: board.positions()[5] == pytest.approx(0.40, abs=1e-3))
    person.types("qq")
    assert person.ends() == 0


def test_a_space_that_is_typed_too_early_counts_too(board: VirtualController) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.types(" ")
    person.waits(lambda: np.isnan(board.positions()[5]))
    person.sees("torque off")
    person.types("q")
    assert person.ends() == 0


@pytest.mark.parametrize("sent", ["\x03", signal.SIGTERM, signal.SIGINT])
def test_however_it_is_asked_to_end_the_motor_goes_home_and_the_terminal_is_restored(
    board: VirtualController, sent: str | signal.Signals
) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("0.35")
    person.types(UP, UP)
    person.waits(lambda: board.positions()[5] > 0.44)
    home = []
    if isinstance(sent, str):
        person.types(sent)
    else:
        os.kill(person.pid, sent)
    person.waits(lambda: home.append(board.positions()[5]) or np.isnan(home[-1]))
    assert home[-2] == pytest.approx(0.35, abs=2e-3)
    assert person.ends() == 0


def test_a_terminal_that_is_closed_sends_the_motor_home_too(board: VirtualController) -> None:
    person = Person("jog", "twin", "lip_upper", "--port", board.port)
    person.sees("0.35")
    person.types(UP, UP)
    person.waits(lambda: board.positions()[5] > 0.44)
    person.hangs_up()
    home = []
    person.waits(lambda: home.append(board.positions()[5]) or np.isnan(home[-1]))
    assert home[-2] == pytest.approx(0.35, abs=2e-3)
    os.waitpid(person.pid, 0)


def test_a_controller_that_goes_away_is_said_to_be_gone(board: VirtualController) -> None:
    person = Person("jog", "twin", "jaw", "--port", board.port)
    person.sees("0.00")
    board.close()
    assert person.ends() == 2
    assert "is gone" in person.screen
    assert "Traceback" not in person.screen


def test_faults_of_the_board_are_said(board: VirtualController) -> None:
    person = Person("jog", "twin", "jaw", "--port", board.port)
    person.sees("0.00")
    os.write(os.open(board.port, os.O_WRONLY | os.O_NOCTTY), bytes([maestro_protocol.SET_TARGET, 3]))
    person.sees(f"fault: {maestro_protocol.ERRORS[4]}")
    person.types("q")
    assert person.ends() == 0


def test_a_dynamixel_is_switched_on_where_it_stands_and_the_others_stay_limp(chain: VirtualController) -> None:
    person = Person("jog", HEAD, "lip_lower", "--port", chain.port)
    person.waits(lambda: not np.isnan(chain.outputs()[4]))
    start = chain.outputs()[4]
    person.sees("load")
    person.sees("°C")
    person.types(UP)
    person.waits(lambda: chain.outputs()[4] == pytest.approx(start - 15, abs=1))  # a twentieth of a range that is turned round
    assert np.isnan(np.delete(chain.outputs(), 4)).all()
    person.types("q")
    assert person.ends() == 0
    assert np.isnan(chain.outputs()[4])


@pytest.mark.parametrize("verb", ["jog", "limits"])
def test_without_a_terminal_it_says_so(verb: str, board: VirtualController, yaml: Path) -> None:
    before = board.positions()
    ended = run(verb, yaml, "jaw", "--port", board.port)
    assert ended.returncode == 2
    assert "run it in a terminal" in ended.stderr
    assert (board.positions() == before).all()


def test_limits_are_found_and_written(robot: Robot, yaml: Path, plug: Callable[..., VirtualController]) -> None:
    """On a controller whose own limits are wider than those that are described."""
    board = plug(motors=[asdict(motor) for motor in widened(robot).motors])
    place = lambda: board.outputs()[5]  # noqa: E731
    person = Person("limits", yaml, "lip_upper", "--port", board.port)
    person.sees("lip_upper  1350.0 µs")
    person.sees("0 at 1000  1 at 2000  neutral at 1350")
    person.types(LEFT, LEFT)
    person.waits(lambda: place() == pytest.approx(1340, abs=0.2))
    person.types("n", DOWN, DOWN)
    person.waits(lambda: place() == pytest.approx(1290, abs=0.2))
    person.types("1")
    person.sees("0 at 1290  1 at 2000  neutral at 1340  (not written)")
    person.types("w")
    person.sees(f"wrote {yaml}")
    person.types("q")
    assert person.ends() == 0
    original = resource("config/robots/twin.yaml").read_text()
    changed = "lip_upper, group: lower, channel: 5, min_us: 1290.0, max_us: 2000.0, neutral: 0.07, "
    assert yaml.read_text() == re.sub(r"lip_upper,.*?neutral: 0\.35, ", changed, original)
    assert description.load(yaml).motors[5].neutral == 0.07


def test_a_place_that_the_board_does_not_go_to_cannot_be_marked(board: VirtualController, yaml: Path) -> None:
    person = Person("limits", yaml, "lid_upper", "--port", board.port)
    for place in range(1575, 2125, 25):
        person.types(UP)
        person.sees(f"lid_upper  {place:.1f}")
    person.types("2")
    person.sees("marked 2000 µs")
    person.types("q")
    assert person.ends() == 0


def test_a_limp_dynamixel_is_marked_where_it_stands(chain: VirtualController, tmp_path: Path) -> None:
    path = tmp_path / "head.yaml"
    path.write_text(HEAD.read_text())
    person = Person("limits", path, "lip_upper", "--port", chain.port)
    person.types(" ", "2", "w")
    person.sees("marked 2005 ticks")  # where virtual servos stand at first: at neutral
    person.sees("wrote")
    person.types("q")
    assert person.ends() == 0
    assert description.load(path).motors[3].max_ticks == 2005


def test_what_was_not_written_is_said_and_the_yaml_is_as_it_was(board: VirtualController, yaml: Path) -> None:
    original = yaml.read_text()
    person = Person("limits", yaml, "lip_upper", "--port", board.port)
    person.sees("neutral at 1350")
    person.types("1", "2", "w")  # a range without extent
    person.sees("was left as it is")
    person.types("q")
    assert person.ends() == 0
    assert "not written: 0 at 1350 µs, 1 at 1350 µs" in person.screen
    assert yaml.read_text() == original


def test_the_packages_own_description_is_not_for_writing(board: VirtualController) -> None:
    ended = run("limits", "twin", "jaw", "--port", board.port)
    assert ended.returncode == 2
    assert "Copy config/robots/twin.yaml" in ended.stderr


def test_keys_may_come_in_pieces_and_unknown_ones_are_passed_over() -> None:
    assert split(b"\x1b[C\x1bOAq \x03w") == (["right", "up", "q", "space", "q", "w"], b"")
    assert split(b"n\x1b[") == (["n"], b"\x1b[")
    assert split(b"\x1b[5~\x1b[1;5C\x1b[6~") == (["page_up", "page_down"], b"")
    assert split(b"\x1bq") == (["q"], b"")


def test_the_settings_for_the_board_are_printed() -> None:
    ended = run("settings", "twin")
    assert ended.returncode == 0, ended.stderr
    assert ElementTree.fromstring(ended.stdout).findtext("EnableCrc") == "true"


def test_a_dynamixel_has_no_such_settings() -> None:
    ended = run("settings", resource("config/robots/dynamixel_head.yaml"))
    assert ended.returncode == 2
    assert "bus: dynamixel" in ended.stderr
