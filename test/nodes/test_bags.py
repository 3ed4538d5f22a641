"""A running robot is recorded, and what was recorded is played into the same topics again."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from lipsync_robot.msg import Audio, MotorCommand
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from lipsync_robot import bags
from lipsync_robot.audio.files import FULL_SCALE
from lipsync_robot.audio.mel import HOP, SAMPLE_RATE
from lipsync_robot.errors import BadInputError
from lipsync_robot.nodes import common
from lipsync_robot.nodes.composed import composed
from lipsync_robot.nodes.recorded import Recorded
from lipsync_robot.nodes.topics import ARROWS
from lipsync_robot.resources import resource

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
BLOCKS = 40
ANNOUNCED_S = 3.0  # by when a process of the same machine has been told of, again, to all others


def test_what_is_recorded_live_comes_out_again_bit_for_bit(
    ear, start, speech: np.ndarray, patient: Path, tmp_path: Path
) -> None:
    """One robot of a namespace, four processes; every block of sound waits for its command, so that no hurry loses one."""
    bag, report = tmp_path / "bag", tmp_path / "report.json"
    record = [COMMAND, "record", str(bag), "--namespace", "taped", "--storage", "sqlite3"]
    recorder = subprocess.Popen(record, stderr=subprocess.PIPE, text=True)
    assert recorder.stderr
    assert "recording" in recorder.stderr.readline()
    for name in ("audio2landmark", "retarget", "inverse_model"):
        start(name, "-r", "__ns:=/taped")
    commands = ear.hear(MotorCommand, "/taped/motor/command")
    sound = ear.node.create_publisher(Audio, "/taped/audio", common.SOUND)
    assert ear.until(lambda: sound.get_subscription_count() == 2 and ear.listens())
    ear.until(lambda: False, ANNOUNCED_S)  # whom the recorder knows, nobody can ask
    said = 0
    for i in range(1000):  # until enough has arrived: connections that are seconds old lose their first messages
        block = speech[SAMPLE_RATE:][i * HOP : (i + 1) * HOP]
        message = Audio(sample_rate=SAMPLE_RATE, samples=(block * FULL_SCALE).astype(np.int16))
        message.header.stamp = common.to_stamp(1_700_000_000 + 0.02 * i)
        heard = len(commands)
        sound.publish(message)
        said += ear.until(lambda heard=heard: len(commands) > heard, 5.0 if commands else 0.1)
        if said == BLOCKS:
            break
    recorder.send_signal(signal.SIGTERM)
    _, ended = recorder.communicate(timeout=60)
    assert recorder.returncode == 0, ended
    counts = bags.contents(bag).counts
    assert counts["/taped/audio"] > BLOCKS
    assert counts["/taped/motor/command"] > BLOCKS / 2

    replay = [COMMAND, "replay", str(bag), "--deterministic", "--json", str(report), "--config", str(patient)]
    assert subprocess.run(replay, check=False, timeout=120).returncode == 0
    before = json.loads(report.read_text())["recorded"]
    assert before["identical"] == before["commands"] == counts["/taped/motor/command"]


def test_what_came_before_the_end_is_kept_though_nobody_has_had_time_for_it(tmp_path: Path) -> None:
    with composed(["bag_recorder"], resource("config/speak.yaml"), {"bag_recorder": {"bag": str(tmp_path / "bag")}}):
        robot = rclpy.create_node("robot")
        sound = robot.create_publisher(Audio, "audio", common.SOUND)
        while not sound.get_subscription_count():
            time.sleep(0.01)
        for _ in range(BLOCKS):
            sound.publish(Audio(sample_rate=SAMPLE_RATE, samples=np.zeros(HOP, np.int16)))
        robot.destroy_node()
    assert bags.contents(tmp_path / "bag").counts == {"/audio": BLOCKS}


def test_a_clock_that_is_set_back_holds_up_no_player(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"bag_player": {"bag": str(bag), "await_chain": False}}
    with composed(["bag_player"], resource("config/speak.yaml"), settings) as composition:
        player, give_up = composition.nodes["bag_player"], time.monotonic() + 60
        while not player.finished:
            assert time.monotonic() < give_up
            composition.spin(0.05)
            if player.played:
                monkeypatch.setattr(player, "now", lambda: time.time() - 3600)
        assert player.played == player.count


def test_a_player_keeps_distances_and_moves_them_to_now(ear, start, bag: Path) -> None:
    commands, sound = ear.hear(MotorCommand, "motor/command"), ear.hear(Audio, "audio")
    recorded = [said.message for said in Recorded(bag, "command").messages("motor/command")]
    began = ear.node.get_clock().now().nanoseconds * 1e-9
    player = start("bag_player", "-p", f"bag:={bag}", "-p", "stage:=command")
    assert ear.until(lambda: player.poll() is not None)
    assert player.returncode == 0
    assert len(sound) > 100
    assert len(commands) > 0.8 * len(recorded)
    then = {message.positions.tobytes(): common.seconds(message.header.stamp) for message in recorded}
    moved = [common.seconds(message.header.stamp) - then[message.positions.tobytes()] for message in commands]
    assert common.seconds(commands[0].header.stamp) > began
    assert (np.diff(moved) > -1e-6).all()  # on a machine that keeps up they are all the same,
    assert np.median(np.diff(moved)) < 1e-3  # and on any, most of them
    assert commands[0].lifetime == recorded[0].lifetime


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "bag:=/nowhere"], "/nowhere: no such bag"),
        (["-p", "bag:={bag}", "-p", "rate:=2.0"], "sound has one speed"),
    ],
)
def test_a_player_that_cannot_play_says_so(start, bag: Path, arguments: list[str], says: str) -> None:
    process = start("bag_player", *(argument.format(bag=bag) for argument in arguments))
    text, _ = process.communicate(timeout=60)
    assert says in text
    assert "Traceback" not in text
    assert process.returncode == 2


def test_of_several_robots_one_is_named(tmp_path: Path) -> None:
    bag = bags.Recording(tmp_path / "bag")
    for second, robot in enumerate(("/left", "/right", "")):
        command = MotorCommand()
        command.header.stamp.sec = second
        bag.write(f"{robot}/motor/command", ARROWS["motor/command"].kind, second, serialize_message(command))
    bag.write("/left/robot/landmarks", ARROWS["motor/sent"].kind, 3, serialize_message(JointState()))  # of another make
    bag.close()
    with pytest.raises(BadInputError, match="Say which robot is meant"):
        Recorded(tmp_path / "bag", "command")
    for second, namespace in enumerate(("left", "/right/", "/")):
        (said,) = Recorded(tmp_path / "bag", "command", namespace).messages("motor/command")
        assert said.message.header.stamp.sec == second
    with pytest.raises(BadInputError, match="holds no audio, but /left/motor/command"):
        Recorded(tmp_path / "bag", "audio")
    with pytest.raises(BadInputError, match="holds no motor/command of up"):
        Recorded(tmp_path / "bag", "command", "up")
    with pytest.raises(BadInputError, match="holds sensor_msgs/msg/JointState on /left/robot/landmarks"):
        Recorded(tmp_path / "bag", "robot")
