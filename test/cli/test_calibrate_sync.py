"""`lipsync-robot calibrate sync`: how late the lips are, and what puts them right.

Servos move in simulated time, but where the command itself is run.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.cli.calibrate_sync import Offset, measured, stored
from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import aperture
from lipsync_robot.face.scores import Series
from lipsync_robot.motors import description
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.driver import Driver
from lipsync_robot.motors.schedule import Pose
from lipsync_robot.resources import resource
from lipsync_robot.twin import rig
from lipsync_robot.twin.in_process import SimulatedBus
from lipsync_robot.twin.simulation import FaceSimulation, landmarks

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
TICK_S, DELAY_S = 0.01, 0.15
JAW = rig.MOTORS.index("jaw")


@pytest.fixture(scope="module")
def poses(speech: np.ndarray) -> np.ndarray:
    """(n, 11) at 50 Hz: nine seconds in which the jaw follows the loudness of a voice."""
    level = np.abs(speech[: 9 * SAMPLE_RATE]).reshape(-1, 320).mean(1)
    smooth = np.convolve(level, np.hanning(11) / np.hanning(11).sum(), "same")
    positions = np.tile(rig.NEUTRAL, (len(level), 1))
    positions[:, JAW] = np.clip(0.8 * smooth / smooth.max(), 0, 1)
    return positions


def spoken(robot: Robot, poses: np.ndarray) -> tuple[Series, Series]:
    """What a camera without delay sees of a twin that speaks, 25 times a second, and what was due; both cm."""
    simulation = FaceSimulation()
    driver = Driver(robot, lambda: SimulatedBus(robot, simulation), 0.0)
    driver.start()
    moments, seen = [], []
    for tick in range(round((len(poses) / 50 + DELAY_S) / TICK_S)):
        now = tick * TICK_S
        if tick % 2 == 0 and tick // 2 < len(poses):
            driver.command(Pose(now + DELAY_S - robot.servo_lag_s, now + 1.0, now, poses[tick // 2]), now)
        driver.tick(now)
        simulation.advance(TICK_S)
        if tick % 4 == 0:
            moments.append(now + TICK_S)
            seen.append(aperture(simulation.landmarks()))
    due = np.array([aperture(landmarks(pose, simulation.face)) for pose in poses])
    return Series(np.array(moments), np.array(seen)), Series(np.arange(len(poses)) / 50 + DELAY_S, due)


@pytest.fixture(scope="module")
def late(robot: Robot, poses: np.ndarray) -> Offset:
    """A robot of whose servos nothing is known."""
    return measured(*spoken(dataclasses.replace(robot, servo_lag_s=0.0), poses))


def test_the_offset_that_was_measured_puts_the_lips_right(robot: Robot, poses: np.ndarray, late: Offset) -> None:
    assert 0.015 < late.seconds < 0.06
    mended = measured(*spoken(dataclasses.replace(robot, servo_lag_s=late.seconds), poses))
    assert abs(mended.seconds) < 0.004
    assert mended.correlation > 0.95


def test_the_twin_is_described_with_its_own_lag(robot: Robot, late: Offset) -> None:
    assert late.seconds == pytest.approx(robot.servo_lag_s, abs=0.015)


def test_its_error_is_stated_and_covers_a_cameras_jitter(robot: Robot, poses: np.ndarray, late: Offset) -> None:
    seen, due = spoken(dataclasses.replace(robot, servo_lag_s=0.0), poses)
    jitter = np.random.default_rng(0).uniform(0.0, 0.02, len(seen.moments))  # s that a picture comes late, 0.01 on average
    shaky = measured(seen._replace(moments=seen.moments + jitter), due)
    assert abs(shaky.seconds - 0.01 - late.seconds) < shaky.error_s + 0.005
    assert 0 < shaky.error_s < 0.02


def test_lips_that_do_something_else_have_no_offset(robot: Robot, poses: np.ndarray) -> None:
    seen, due = spoken(robot, poses)
    other = np.random.default_rng(0).uniform(0.0, 1.0, len(seen.values))
    with pytest.raises(BadInputError, match="follow the sound in 0 stretches of 2 s; 3 are needed"):
        measured(seen._replace(values=other), due)
    with pytest.raises(BadInputError, match="no face was seen"):
        measured(Series(np.empty(0), np.empty(0)), due)


def test_what_the_twin_was_late_by_is_not_written_into_a_robots_description(tmp_path: Path) -> None:
    described = tmp_path / "mine.yaml"
    described.write_text(resource("config/robots/twin.yaml").read_text())
    before = described.read_text()
    assert "Name the robot's --port" in stored(str(described), True, 0.05, 0.125)[-1]
    assert described.read_text() == before
    assert stored(str(described), False, 0.05, 0.125)[-1] == f"wrote {described}"
    assert "servo_lag_s: 0.125" in described.read_text()


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [COMMAND, "calibrate", "sync", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_the_twin_is_seen_by_its_own_camera_as_its_joints_say(tmp_path: Path) -> None:
    ended = run("--json", tmp_path / "sync.json")
    assert ended.returncode == 0, ended.stderr
    figures = json.loads((tmp_path / "sync.json").read_text())
    camera, joints = figures["camera"], figures["joints"]
    assert min(camera["correlation"], joints["correlation"]) > 0.8
    assert camera["seconds"] == pytest.approx(joints["seconds"], abs=0.02)  # half a picture
    assert figures["before_s"] == description.load(resource("config/robots/twin.yaml")).servo_lag_s
    assert figures["servo_lag_s"] == pytest.approx(figures["before_s"] + camera["seconds"], abs=0.001)
    assert "the twin's description belongs to the package: nothing was written" in ended.stderr


def test_a_robot_that_the_camera_does_not_see_is_not_written(board, make_sound, recording: Path, tmp_path: Path) -> None:
    """It speaks all the same, and its description stays as it is."""
    described = tmp_path / "board.yaml"
    before = described.read_text()
    sound = make_sound("short.wav", source=f"amovie={recording},atrim=0.5:1.5")
    grey = make_sound("grey.mp4", source="color=gray:size=320x240:duration=1:rate=10")
    ended = run(sound, "--robot", described, "--port", board.port, "--camera", grey)
    assert ended.returncode == 2
    assert "no face was seen. Is it in the picture" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert described.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.wav"], "nowhere.wav: no such file"),
        (["--robot", "/nowhere/emo.yaml"], "/nowhere/emo.yaml: no such file"),
        (["--camera-delay-ms", "-3"], "camera-delay-ms"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], says: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
