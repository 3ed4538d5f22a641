"""`lipsync-robot record` and `replay` as a person meets them."""

import array
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from lipsync_robot.msg import MotorCommand
from rclpy.serialization import serialize_message
from std_msgs.msg import Header

from lipsync_robot import bags
from lipsync_robot.motors.description import Robot
from lipsync_robot.nodes.common import VOID
from lipsync_robot.nodes.topics import ARROWS
from lipsync_robot.twin.controlled import VirtualController

LOOKAHEAD = 2  # hops, of the models that ship
COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture(scope="module")
def answers(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the recorded sound leads to, in the bag that replaying it without a clock wrote."""
    folder = tmp_path_factory.mktemp("answers")
    ended = run("replay", bag, "--deterministic", "--record", folder / "bag", "--json", folder / "report.json")
    assert ended.returncode == 0, ended.stderr
    return folder / "bag"


def test_every_stage_gives_the_same_commands_bit_for_bit_each_time(bag: Path, answers: Path, tmp_path: Path) -> None:
    figures = [json.loads(answers.with_name("report.json").read_text())]
    for i, (stage, source) in enumerate((("audio", bag), ("audio", bag), ("human", answers), ("robot", answers))):
        report = tmp_path / f"{i}.json"
        ended = run("replay", source, "--stage", stage, "--deterministic", "--json", report)
        assert ended.returncode == 0, ended.stderr
        figures.append(json.loads(report.read_text()))
    assert len({figure["sha256"] for figure in figures}) == 1
    assert [figure["commands"] for figure in figures] == [128] * 5
    recorded = figures[0]["recorded"]
    assert (recorded["commands"], recorded["absent"]) == (128, 0)
    assert recorded["most_different"] < 0.01  # it was recorded live, on a processor whose arithmetic may round differently
    assert [figure["recorded"]["identical"] for figure in figures[3:]] == [128, 128]  # of what was written by a replay


def test_sound_that_was_called_back_is_forgotten_again(bag: Path, tmp_path: Path) -> None:
    interrupted, report = bags.Recording(tmp_path / "bag"), tmp_path / "report.json"
    blocks = list(bags.messages(bag, "/audio"))
    for i, (topic, kind, moment, data) in enumerate(blocks):
        if i == len(blocks) // 2:
            heard = bags.decoded(data, kind).header.stamp
            void = serialize_message(Header(stamp=Time(sec=heard.sec, nanosec=heard.nanosec)))
            interrupted.write(f"/{VOID}", ARROWS[VOID].kind, moment - 1, void)
        interrupted.write(topic, kind, moment, data)
    interrupted.close()
    ended = run("replay", tmp_path / "bag", "--deterministic", "--json", report)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(report.read_text())["commands"] == 128 - LOOKAHEAD  # which a network that begins anew waits for


def test_another_robots_commands_are_not_compared(bag: Path, tmp_path: Path) -> None:
    other = bags.Recording(tmp_path / "bag")
    for topic, kind, moment, data in bags.messages(bag, "/audio", "/motor/command"):
        message = bags.decoded(data, kind)
        if topic == "/motor/command":
            stamp = Time(sec=message.header.stamp.sec, nanosec=message.header.stamp.nanosec)
            command = MotorCommand(header=Header(stamp=stamp), positions=array.array("f", [0.5] * 13))
            data = serialize_message(command)
        other.write(topic, kind, moment, data)
    other.close()
    ended = run("replay", tmp_path / "bag", "--deterministic")
    assert ended.returncode == 2
    assert "the bag's commands are for another robot: 11 and 13 motors" in ended.stderr


def test_a_stage_moves_a_robot_and_leaves_it_at_neutral(
    answers: Path, board: VirtualController, patient: Path, robot: Robot, opening, tmp_path: Path
) -> None:
    again, report = tmp_path / "again", tmp_path / "report.json"
    moved = [COMMAND, "replay", str(answers), "--stage", "human", "--port", str(board.port), "--config", str(patient)]
    written = ["--record", str(again), "--json", str(report)]
    process = subprocess.Popen([*moved, *written], stderr=subprocess.PIPE, text=True)
    widest, last = 0.0, board.positions()
    while process.poll() is None:
        if np.isfinite(now := board.positions()).all():  # it has torque, which is taken off in the end
            widest, last = max(widest, opening(now)), now
        time.sleep(0.01)
    assert process.returncode == 0, process.stderr.read()
    assert widest > 0.3  # cm
    assert last == pytest.approx(robot.neutral, abs=0.01)
    assert json.loads(report.read_text())["frames"] == 128
    counts = bags.contents(again).counts
    assert counts["/human/landmarks"] > 100
    assert counts["/motor/command"] > 100
    assert counts["/motor/sent"] > 100
    assert "/audio" not in counts  # there was none in the bag


def test_commands_are_replayed_without_any_model(bag: Path, patient: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ended = run("replay", bag, "--stage", "command", "--rate", 2, "--config", patient, "--json", report)
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(report.read_text())
    assert figures["frames"] == 128
    assert figures["latency_ms"]["p50"] > 0
    assert figures["providers"] == {}


def test_a_recording_of_nothing_is_said_so(tmp_path: Path) -> None:
    process = subprocess.Popen([COMMAND, "record", str(tmp_path / "bag")], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    assert "recording" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "nothing was heard on /audio" in said
    assert not (tmp_path / "bag").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["record", "{bag}"], "is there already"),
        (["record", "{new}", "--topics", "mouth"], "topic '/mouth' is not known"),
        (["record", "{new}", "--namespace", "left arm"], "topic '/left arm/audio' is not known"),
        (["replay", "{new}"], "no such bag"),
        (["replay", "{bag}", "--stage", "human"], "holds no human/landmarks, but /"),
        (["replay", "{bag}", "--deterministic", "--rate", "2"], "--deterministic moves nothing"),
        (["replay", "{bag}", "--video", "{new}", "--stage", "command", "--rate", "2"], "--video is as long as the sound"),
    ],
)
def test_bad_input_is_one_sentence(bag: Path, tmp_path: Path, arguments: list[str], says: str) -> None:
    ended = run(*(argument.format(bag=bag, new=tmp_path / "new") for argument in arguments))
    assert ended.returncode == 2
    assert says in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
