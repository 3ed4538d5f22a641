"""`lipsync-robot doctor`: what it says of this machine, and of one with a fault."""

import json
import os
import pty
import subprocess
import sys
import tty
from pathlib import Path

import pytest

from lipsync_robot.cli.doctor import Finding, controller, findings
from lipsync_robot.cli.robots import TWIN
from lipsync_robot.nodes.loopback import heard_after
from lipsync_robot.resources import resource
from lipsync_robot.twin import rendering
from lipsync_robot.twin.controlled import VirtualController

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
HARDWARE = {"serial ports", "microphones", "loudspeakers", "cameras"}


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [COMMAND, "doctor", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def found(*arguments: object) -> tuple[int, dict[str, Finding]]:
    """-> the exit status, and the findings by name."""
    ended = run(*arguments, "--json")
    assert "Traceback" not in ended.stderr
    return ended.returncode, {entry["name"]: Finding(**entry) for entry in json.loads(ended.stdout)}


@pytest.fixture(scope="module")
def here() -> tuple[int, dict[str, Finding]]:
    return found()


def test_a_machine_that_runs_these_tests_has_no_fault(here: tuple[int, dict[str, Finding]]) -> None:
    status, by_name = here
    assert [finding for finding in by_name.values() if finding.state == "fault"] == []
    assert status == 0
    assert by_name["packages"].state == "ok"
    assert by_name["models"].fact == "apc.onnx, audio2landmark.onnx, audio2landmark_int4.onnx, twin_inverse.onnx load"
    assert "a message was heard after" in by_name["ROS 2"].fact
    assert "p99 of 100 sleeps of 10 ms" in by_name["timer"].fact
    assert by_name["robot"].fact == "twin: 11 motors, maestro, 115200 baud"


def test_another_ros_2_that_the_shell_has_sourced_is_told_of_by_every_verb(tmp_path: Path) -> None:
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy/__init__.py").touch()
    sourced = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run([COMMAND, "doctor"], env=sourced, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert f"this shell has sourced another ROS 2 (its rclpy is {tmp_path}/rclpy)" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_every_finding_says_a_fact_and_what_is_not_well_a_remedy(here: tuple[int, dict[str, Finding]]) -> None:
    for finding in here[1].values():
        assert finding.fact
        assert finding.remedy or finding.state == "ok", finding


def test_absent_hardware_is_no_fault(here: tuple[int, dict[str, Finding]]) -> None:
    assert set(here[1]) >= HARDWARE
    assert {here[1][name].state for name in HARDWARE} <= {"ok", "warning"}


def test_a_person_reads_one_line_a_check(here: tuple[int, dict[str, Finding]]) -> None:
    ended = run()
    assert ended.returncode == 0
    assert [line[10:24].strip() for line in ended.stdout.splitlines()] == list(here[1])


def test_opengl_that_cannot_draw_is_a_fault_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "crayons")
    ended = run()
    assert ended.returncode == 1
    assert "fault    OpenGL        MUJOCO_GL=crayons opens no context: " in ended.stdout
    assert "apt-get install libosmesa6" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr


def test_opengl_is_tried_in_a_process_that_may_die(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mujoco.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert rendering.refusal() == "the library ended its process with signal 11"


def test_a_robot_that_is_described_wrongly_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nbus: maestro\nbaud: 115200\nmotors: []\n")
    status, by_name = found("--robot", path)
    assert status == 1
    assert by_name["robot"].fact == f"{path}: the robot has no motors. List at least one."


@pytest.mark.parametrize("name", ["twin", "dynamixel_head"])
def test_a_controller_is_asked(name: str, tmp_path: Path) -> None:
    robot = resource(f"config/robots/{name}.yaml")
    board = VirtualController(robot, tmp_path / "port")
    status, by_name = found("--robot", robot, "--port", board.port)
    board.close()
    assert (status, by_name["controller"]) == (0, Finding("controller", "ok", f"{board.port} answers"))


def test_a_controllers_faults_are_warnings(tmp_path: Path) -> None:
    head = resource("config/robots/dynamixel_head.yaml")
    chain = VirtualController(head, tmp_path / "port")
    chain.inject("overload jaw")
    status, by_name = found("--robot", head, "--port", chain.port)
    chain.close()
    assert (status, by_name["controller"].state) == (0, "warning")
    assert "jaw (ID 5): " in by_name["controller"].fact


def test_a_board_that_does_not_notice_a_silent_host_is_a_warning(board: VirtualController) -> None:
    assert found("--port", board.port)[0] == 0
    answer = controller(str(board.port), TWIN)  # here: while the command starts, a starved board may well notice the silence
    assert answer.state == "warning"
    assert "does not notice a silent host" in answer.fact
    assert "motors settings" in answer.remedy


def test_a_port_without_a_controller_is_a_fault() -> None:
    mute, terminal = pty.openpty()
    tty.setraw(terminal)
    status, by_name = found("--port", os.ttyname(terminal))
    os.close(mute)
    os.close(terminal)
    assert status == 1
    assert "does not answer like a Maestro" in by_name["controller"].fact
    assert "find-port" in by_name["controller"].remedy


def test_a_check_that_breaks_is_a_finding_and_the_others_are_made() -> None:
    def a_broken_one() -> Finding:
        raise RuntimeError("no such thing")

    checks = [a_broken_one, lambda: Finding("next", "ok", "fine")]
    broken, following = findings(checks)
    assert broken == Finding("a broken one", "warning", "could not be checked: RuntimeError('no such thing')")
    assert following.state == "ok"


def test_nobody_is_heard_where_there_is_no_time() -> None:
    assert heard_after(0.0) is None
