"""Two robots on one graph, and how every node ends: each node a process."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lipsync_robot.msg import Audio, FaceLandmarks, MotorCommand, RobotLandmarks
from sensor_msgs.msg import JointState

from lipsync_robot.nodes import common, composed

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
ROBOT = ("twin", "motor_driver", "inverse_model", "retarget", "audio2landmark")
PROGRAMS = sorted(set(composed.NODES) - {"recorder", "witness"})  # those two only ever run within the command


def stamps(messages: list) -> np.ndarray:
    """(n,) s"""
    return np.array([common.seconds(message.header.stamp) for message in messages])


def test_two_robots_speak_at_once_and_neither_hears_the_other(ear, start, make_sound, recording) -> None:
    kinds = {"human/landmarks": FaceLandmarks, "robot/landmarks": RobotLandmarks}
    kinds |= {"motor/command": MotorCommand, "motor/sent": JointState}
    heard = {side: {topic: ear.hear(kind, f"/{side}/{topic}") for topic, kind in kinds.items()} for side in ("left", "right")}
    processes = [start(name, "-r", f"__ns:=/{side}") for side in heard for name in ROBOT]
    assert ear.until(ear.listens)
    sources = []
    for i, side in enumerate(heard):
        heard[side]["audio"] = ear.hear(Audio, f"/{side}/audio")
        sound = make_sound(f"{side}.wav", source=f"amovie={recording},atrim={i}:{i + 3}")
        sources.append(start("audio_file", "-r", f"__ns:=/{side}", "-p", f"file:={sound}"))
    assert ear.until(lambda: all(source.poll() is not None for source in sources), patience_s=120.0)
    both = heard.values()
    assert ear.until(lambda: all(each["motor/command"] for each in both))
    assert ear.until(lambda: all(stamps(each["motor/command"])[-1] > stamps(each["audio"])[-1] - 0.2 for each in both))

    for each in heard.values():
        begin = stamps(each["audio"])[0]
        for topic in kinds.keys() - {"motor/sent"}:  # their stamps are whole hops after the first of their own sound
            hops = (stamps(each[topic]) - begin) / 0.02
            assert hops == pytest.approx(hops.round(), abs=1e-3)
            assert len(set(hops.round())) == len(hops)
        assert np.ptp([message.positions for message in each["motor/command"]], axis=0).max() > 0.1  # of the range: it spoke
    commanded = {side: set(stamps(each["motor/command"])) for side, each in heard.items()}
    assert commanded["left"].isdisjoint(commanded["right"])
    assert commanded["left"].isdisjoint(stamps(heard["right"]["motor/sent"]))
    assert commanded["right"].isdisjoint(stamps(heard["left"]["motor/sent"]))

    by_node: dict[str, dict] = {}
    for _ in range(10):  # on a starved machine one may be late with its report
        command = [COMMAND, "status", "--json", "--namespace", "left"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        by_node = {entry["node"]: entry for entry in json.loads(told.stdout)}
        if len(by_node) == len(ROBOT) and told.returncode == 0:
            break
    assert set(by_node) == {f"/left/{name}" for name in ROBOT}
    assert told.returncode == 0, told.stdout
    assert 0 < int(by_node["/left/retarget"]["figures"]["heard human/landmarks"]) <= 180  # those of its own 3.6 s
    assert by_node["/left/audio2landmark"]["figures"]["provider"] == "cpu"

    for process in processes:
        process.terminate()
    assert [process.wait(60) for process in processes + sources] == [0] * 12


def test_what_is_asked_to_end_ends_with_0(ear, start, virtual_microphone, recording) -> None:
    arguments = {"microphone": ["device:=pulse"], "audio_file": [f"file:={recording}"], "camera": ["source:='61'"]}
    names = ("microphone", "audio_file", "camera", "face_landmarks", "speaker")  # of the others the test above tells
    running = {name: start(name, *(word for each in arguments.get(name, []) for word in ("-p", each))) for name in names}
    assert ear.until(lambda: set(names) <= set(ear.node.get_node_names()))
    for process in running.values():
        process.terminate()
    said = {name: process.communicate(timeout=60)[0] for name, process in running.items()}
    assert {name: process.returncode for name, process in running.items()} == dict.fromkeys(names, 0), said


def test_what_is_started_with_a_wrong_parameter_ends_with_2(start) -> None:
    running = {name: start(name, "-p", "no_such:=1") for name in PROGRAMS}
    for name, process in running.items():
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 2, said
        assert f"node {name}: unknown parameter 'no_such'. Known: " in said
        assert "Traceback" not in said
