"""`lipsync-robot` as a person meets it: what it writes, what it says to bad input, and that it always ends at neutral."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from lipsync_robot.cli.verbs import VERBS
from lipsync_robot.motors import description
from lipsync_robot.motors.description import Robot
from lipsync_robot.resources import resource
from lipsync_robot.twin.controlled import VirtualController

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


@pytest.fixture(autouse=True)
def unhurried(patient: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here depends on how fast the machine is."""
    monkeypatch.setenv("LIPSYNC_CONFIG", str(patient))


def run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess:
    command = [COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def widest_opening(sound: Path, board: VirtualController, opening) -> float:
    """Speaks a file on the test's own controller -> how far the mouth opened, cm."""
    process = subprocess.Popen([COMMAND, "speak", str(sound), "--port", str(board.port)], stderr=subprocess.PIPE)
    widest = 0.0
    while process.poll() is None:
        widest = max(widest, opening(board.positions()))
        time.sleep(0.01)
    assert process.returncode == 0, process.stderr.read()
    return widest


@pytest.fixture(scope="module")
def short(make_sound, recording: Path) -> Path:
    return make_sound("short.wav", source=f"amovie={recording},atrim=0.5:4")


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualController]:
    """A robot's controller on a serial port, in the test's own hands."""
    virtual = VirtualController(resource("config/robots/twin.yaml"), tmp_path / "ttyACM0")
    yield virtual
    virtual.close()


def test_the_twin_speaks_and_is_measured(short: Path, tmp_path: Path) -> None:
    film, report = tmp_path / "out/speak.mp4", tmp_path / "out/speak.json"
    ended = run("speak", short, "--video", film, "--json", report, timeout=280)
    assert ended.returncode == 0, ended.stderr
    assert "sound to wire" in ended.stderr
    assert "lips vs sound" in ended.stderr
    assert film.stat().st_size > 20_000
    figures = json.loads(report.read_text())
    assert figures["duration_s"] == pytest.approx(3.5 + 0.6, abs=0.1)
    assert figures["frames"] == pytest.approx(50 * figures["duration_s"], abs=5)
    assert figures["lookahead_ms"] == 60
    lag_ms = 1000 * description.load(resource("config/robots/twin.yaml")).servo_lag_s
    assert figures["held_back_ms"] == pytest.approx(2000 - 60 - lag_ms)  # of what `patient` has until the sound is heard
    assert set(figures["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert figures["latency_ms"]["p50"] > 0
    assert -125 < figures["sync_offset_ms"] < 45
    assert figures["aperture_r"] >= 0.9  # of the lips seen in the film with those that speech asked for
    assert figures["cpu_percent_of_one_core"] > 0
    assert figures["peak_rss_mb"] > 50
    assert figures["providers"] == {"speech": "cpu", "inverse": "cpu"}
    assert {"mujoco", "onnxruntime", "rclpy"} <= set(figures["versions"])
    assert isinstance(figures["missed_deadlines"], int)


def test_a_robot_on_a_port_is_moved_by_any_recording_and_left_at_neutral(
    make_sound, recording: Path, board: VirtualController, robot: Robot, opening
) -> None:
    sound = make_sound("other.wav", "-ac", "2", "-ar", "8000", source=f"amovie={recording},atrim=0.5:2.5")
    assert widest_opening(sound, board, opening) > 0.3  # cm
    assert board.positions() == pytest.approx(robot.neutral, abs=0.01)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", ["at once", "in mid-speech"])
def test_stopped_at_any_moment_the_face_goes_to_neutral(
    recording: Path, board: VirtualController, robot: Robot, opening, sent: signal.Signals, after: str
) -> None:
    command = [COMMAND, "speak", str(recording), "--port", str(board.port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while after == "in mid-speech" and opening(board.positions()) < 0.3 and process.poll() is None:
        time.sleep(0.01)
    if after == "at once":
        time.sleep(0.5)
    os.killpg(process.pid, sent)
    if after == "in mid-speech":
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # an impatient second Ctrl-C must not leave the mouth open
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 or (after == "at once" and process.returncode == -sent), said
    assert "Traceback" not in said
    assert board.positions() == pytest.approx(robot.neutral, abs=0.01)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)  # nobody of its group is left


CTRL_C_WHILE_NUMPY_LOADS = """
import atexit, os, signal, sys
from lipsync_robot import cli

class Impatient:
    def find_spec(self, name, *_):
        if name == "numpy":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Impatient())
atexit.register(lambda: print(*[name for name in ("numpy.linalg", "rclpy") if name in sys.modules]))
cli.main()
"""


def test_ctrl_c_waits_for_the_end_of_a_module_that_loads_and_no_longer(board: VirtualController) -> None:
    command = [sys.executable, "-c", CTRL_C_WHILE_NUMPY_LOADS, "speak", "--port", str(board.port)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (130, ["numpy.linalg"], "")


def test_a_second_start_is_refused_while_one_runs(recording: Path, board: VirtualController, opening) -> None:
    first = subprocess.Popen([COMMAND, "speak", str(recording), "--port", str(board.port)], stderr=subprocess.DEVNULL)
    while opening(board.positions()) < 0.3 and first.poll() is None:
        time.sleep(0.01)
    second = run("speak", recording)
    assert second.returncode == 2
    assert "another motor_driver already moves this robot" in second.stderr
    same_port = run("speak", recording, "--port", board.port)
    assert same_port.returncode == 2
    assert "another program is using it" in same_port.stderr
    assert first.poll() is None  # and is not disturbed
    first.send_signal(signal.SIGINT)
    assert first.wait(30) == 130


def test_follows_a_microphone_until_it_is_stopped(virtual_microphone, recording, make_sound, board, robot, opening) -> None:
    command = [COMMAND, "speak", "--mic", "--device", "pulse", "--port", str(board.port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    sound = make_sound("said.wav", source=f"amovie={recording}")
    player = subprocess.Popen(["paplay", "--device=nowhere", str(sound)], env=virtual_microphone)
    while opening(board.positions()) < 0.3 and process.poll() is None:
        if player.poll() is not None:  # said before anybody listened: say it again
            player = subprocess.Popen(["paplay", "--device=nowhere", str(sound)], env=virtual_microphone)
        time.sleep(0.01)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    player.terminate()
    assert process.returncode == 0, said
    assert "sound to wire" in said
    assert board.positions() == pytest.approx(robot.neutral, abs=0.01)


def test_the_twin_comes_to_rest_when_it_is_stopped(recording: Path, tmp_path: Path) -> None:
    """By a closed terminal too; and whatever the recording is called."""
    named = tmp_path / ("take [live] " + "of a long afternoon " * 5 + ".opus")
    named.write_bytes(recording.read_bytes())
    process = subprocess.Popen([COMMAND, "speak", str(named)], stderr=subprocess.PIPE, text=True)
    said = ""
    while "look-ahead" not in said and process.poll() is None:
        said += process.stderr.read(1)
    time.sleep(1)
    process.send_signal(signal.SIGHUP)
    said += process.communicate(timeout=30)[1]
    assert process.returncode == 130, said
    assert "the face is at neutral" in said


def test_a_port_that_is_no_maestro(short: Path) -> None:
    mute, terminal = pty.openpty()
    tty.setraw(terminal)
    ended = run("speak", short, "--port", os.ttyname(terminal))
    assert ended.returncode == 2
    assert "does not answer like a Maestro" in one_sentence(ended)
    os.close(mute)
    os.close(terminal)


def test_a_silent_file_keeps_the_mouth_closed(make_sound, board: VirtualController, opening) -> None:
    silence = make_sound("silence.wav", source="anullsrc=cl=mono:r=16000:d=2")
    process = subprocess.Popen([COMMAND, "speak", str(silence), "--port", str(board.port)], stderr=subprocess.PIPE, text=True)
    widest = 0.0
    while process.poll() is None:
        widest = max(widest, opening(board.positions()))
        time.sleep(0.01)
    assert process.returncode == 0
    assert "the recording is silent: the mouth stayed closed" in process.stderr.read()
    assert widest < 0.1  # cm


def test_an_hour_starts_at_once_and_stops_at_once(make_sound, board: VirtualController) -> None:
    hour = make_sound("hour.flac", "-ar", "16000", source="sine=frequency=200:duration=3600")
    process = subprocess.Popen([COMMAND, "speak", str(hour), "--port", str(board.port)], stderr=subprocess.PIPE, text=True)
    said = ""
    while "60 minutes" not in said and process.poll() is None:
        said += process.stderr.readline()
    assert "60 minutes of sound, spoken in real time; Ctrl-C stops it" in said
    time.sleep(2)
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    assert peak is not None
    assert int(peak[1]) < 330 * 1024  # KiB: 270 without a recording; an hour would be 110 more as samples, 230 as floats
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def one_sentence(ended: subprocess.CompletedProcess) -> str:
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("lipsync-robot: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["/nowhere/hello.wav"], "/nowhere/hello.wav: no such file"),
        (["{empty}"], "the file is empty (0 bytes)"),
        (["{corrupt}"], "not a sound file that FFmpeg can read"),
        (["--mic", "--device", "no such ear"], "'no such ear': cannot record"),
        (["--port", "/dev/ttyNONE"], "/dev/ttyNONE: which robot is on it? Add --robot"),
        (["--robot", "{head}", "--port", "/dev/ttyNONE"], "/dev/ttyNONE: no such port"),
        (["--robot", "/nowhere/emo.yaml"], "/nowhere/emo.yaml: no such file"),
        (["--config", "/nowhere/speak.yaml"], "/nowhere/speak.yaml: no such file"),
        (["--config", "{no_yaml}"], "not valid YAML"),
        (["--config", "{misspelt}"], "unknown parameter 'mouth_gian'. Did you mean 'mouth_gain'?"),
        (["{recording}", "--mic"], "not both"),
        (["--port", "/dev/null", "--video", "x.mp4"], "--video films the twin"),
        (["--json", "/proc/nowhere/x.json"], "its folder cannot be made"),
        (["--config", "{astray}"], "there is no node 'retargit'. Did you mean 'retarget'?"),
        (["--config", "{valueless}"], "/**/retarget: gain_jaw has no value"),
        (["--video", "{folder}"], "folder.mp4: cannot be written"),
        (["--video", "{recording}"], "is the film to write, as an MP4"),
        (["{film}", "--video", "{film}"], "would be written over, and is what is read"),
        (["--vidio", "x.mp4"], "--vidio"),
    ],
)
def test_bad_input_is_one_clear_sentence(tmp_path: Path, recording: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "corrupt.wav").write_bytes(b"RIFF not really" * 100)
    settings = resource("config/speak.yaml").read_text().replace("mouth_gain", "mouth_gian")
    (tmp_path / "misspelt.yaml").write_text(settings)
    (tmp_path / "no.yaml").write_text("a: [")
    (tmp_path / "astray.yaml").write_text("/**/retargit: {ros__parameters: {gain_jaw: 1.0}}")
    (tmp_path / "valueless.yaml").write_text("/**/retarget: {ros__parameters: {gain_jaw: }}")
    (tmp_path / "folder.mp4").mkdir()
    shutil.copy(recording, tmp_path / "film.mp4")
    places = {
        "folder": tmp_path / "folder.mp4",
        "astray": tmp_path / "astray.yaml",
        "valueless": tmp_path / "valueless.yaml",
        "film": tmp_path / "film.mp4",
        "head": resource("config/robots/dynamixel_head.yaml"),
        "no_yaml": tmp_path / "no.yaml",
        "empty": tmp_path / "empty.wav",
        "corrupt": tmp_path / "corrupt.wav",
        "misspelt": tmp_path / "misspelt.yaml",
    }
    ended = run("speak", *(argument.format(recording=recording, **places) for argument in arguments))
    assert ended.returncode == 2
    assert says in one_sentence(ended)
    assert ended.stdout == ""


def test_help_teaches() -> None:
    assert "lipsync-robot speak --video out/speak.mp4" in run("speak", "--help").stdout
    alone = run()
    assert (alone.returncode, alone.stderr) == (2, "")
    assert set(VERBS) <= set(re.findall(r"[\w-]+", alone.stdout))
    assert "Did you mean 'speak'?" in run("spaek").stderr
