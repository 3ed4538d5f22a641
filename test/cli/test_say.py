"""`lipsync-robot bringup` and `say` as a person meets them, in two terminals."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.motors.description import Robot
from lipsync_robot.twin.controlled import VirtualController

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
NAMESPACE = ("--namespace", "head")


def say(*arguments: object, sound: bytes = b"") -> subprocess.CompletedProcess:
    command = [COMMAND, "say", *map(str, arguments)]
    return subprocess.run(command, input=sound, capture_output=True, timeout=120, check=False)


def operate(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, "motors", *arguments], timeout=120, check=False)


def away(board: VirtualController, robot: Robot, by: float) -> bool:
    """Whether any servo is driven from neutral that far; one that has gone limp is not driven."""
    return bool((np.abs(board.positions() - robot.neutral) > by).any())


def starts(board: VirtualController, robot: Robot, *arguments: object, **given: object) -> subprocess.Popen:
    """`say`, once the face, which was at rest, moves."""
    while away(board, robot, 0.01):
        time.sleep(0.01)
    command = [COMMAND, "say", *map(str, arguments), *NAMESPACE]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, **given)
    while not away(board, robot, 0.05) and process.poll() is None:
        time.sleep(0.01)
    return process


@pytest.fixture
def robot_that_listens(board: VirtualController, patient: Path) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [COMMAND, "bringup", "--port", str(board.port), "--config", str(patient), *NAMESPACE], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert any("ready to say" in line for line in iter(process.stderr.readline, ""))
    yield process
    process.send_signal(signal.SIGINT)
    process.wait(30)


def test_a_robot_says_what_it_is_told_until_it_is_stopped(
    robot_that_listens: subprocess.Popen, make_sound: Callable, recording: Path, board: VirtualController, robot: Robot
) -> None:
    short = make_sound("short.wav", "-ar", "22050", source=f"amovie={recording},atrim=0.6:1.1")
    said = say("--stdin", "--rate", 22050, "--json", *NAMESPACE, sound=short.read_bytes()[-22050:])
    assert said.returncode == 0, said.stderr
    answer = json.loads(said.stdout)
    assert answer.pop("heard_s") == pytest.approx(0.5, abs=0.04)
    assert answer == {"completed": True, "message": ""}

    endless = make_sound("endless.wav", "-ar", "16000", source=f"amovie={recording}:loop=20")
    missing = say("--file", "/nowhere.wav", *NAMESPACE)
    assert missing.returncode == 1
    assert missing.stderr.decode().splitlines()[-1].startswith("lipsync-robot: /nowhere.wav: no such file")

    long = starts(board, robot, "--file", endless)
    assert b"1 requests are void" in say("--stop", *NAMESPACE).stderr
    assert b"lipsync-robot: stopped." in long.communicate(timeout=30)[1]
    assert long.returncode == 1

    silenced = starts(board, robot, "--file", endless)
    assert operate("stop", *NAMESPACE).returncode == 0
    assert b"lipsync-robot: emergency stop: the motors are frozen" in silenced.communicate(timeout=30)[1]
    assert silenced.returncode == 1
    assert b"lipsync-robot: emergency stop: the motors are frozen" in say("--file", short, *NAMESPACE).stderr
    assert operate("reset", *NAMESPACE).returncode == 0

    reading, writing = os.pipe()  # a stream that comes to no end, and Ctrl-C
    os.write(writing, short.read_bytes())
    stream = starts(board, robot, "--stdin", stdin=reading)
    stream.send_signal(signal.SIGINT)
    assert b"heard" in stream.communicate(timeout=30)[1]
    assert stream.returncode == 130

    last = starts(board, robot, "--file", endless)
    robot_that_listens.send_signal(signal.SIGINT)
    assert b"lipsync-robot: the robot is being switched off." in last.communicate(timeout=30)[1]
    _, ended = robot_that_listens.communicate(timeout=30)
    assert robot_that_listens.returncode == 0
    assert "the face is at neutral" in ended
    assert not away(board, robot, 0.01)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hello", "--namespace", "nowhere"), "no robot is there to speak"),
        (("hello", "--namespace", "1 head"), "namespace '1 head': use letters, digits and _"),
        (("hello", "--stop"), "give one of: a text, --file, --stdin, --stop"),
    ],
)
def test_what_cannot_be_said_is_one_clear_sentence(arguments: tuple[str, ...], says: str) -> None:
    ended = say(*arguments)
    (sentence,) = ended.stderr.decode().splitlines()
    assert sentence.startswith("lipsync-robot: ")
    assert says in sentence
    assert ended.returncode in (1, 2)
