"""What nodes tell of themselves, and what `lipsync-robot status` makes of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from lipsync_robot.msg import FaceLandmarks

from lipsync_robot.nodes import common
from lipsync_robot.nodes.diagnostics import WINDOW_S, Flow

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


def status(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, "status", *arguments], capture_output=True, text=True, timeout=120, check=False)


def face(stamp: float) -> FaceLandmarks:
    message = FaceLandmarks()
    message.header.stamp = common.to_stamp(stamp)
    return message


def test_rate_and_ages_are_those_of_the_last_seconds() -> None:
    flow = Flow("human/landmarks", sent=True)
    for moment in np.arange(100.0, 120.0, 0.02):
        flow.passes(face(moment - (0.5 if moment < 110 else 0.08)), moment)
    figures = flow.figures(120.0)
    assert flow.count == 1000
    assert figures["rate_hz"] == pytest.approx(50, abs=0.5)
    assert [figures[f"latency_p{p}_ms"] for p in (50, 95, 99)] == pytest.approx([80, 80, 80], abs=0.01)
    assert flow.figures(120.0 + WINDOW_S) == {"rate_hz": 0.0}


def test_the_slowest_one_in_a_hundred_is_seen() -> None:
    flow = Flow("human/landmarks", sent=True)
    for i in range(200):
        flow.passes(face(100.0 - (0.2 if i < 4 else 0.08)), 100.0)
    figures = flow.figures(100.0)
    assert (figures["latency_p50_ms"], figures["latency_p99_ms"]) == pytest.approx((80, 200), abs=0.01)


def test_without_a_robot_it_says_how_to_start_one() -> None:
    ended = status("--once", "--namespace", "nowhere")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "no robot of namespace nowhere runs in ROS domain" in ended.stderr
    assert "Start one: lipsync-robot speak" in ended.stderr


def test_an_error_is_an_exit_status_and_other_packages_are_none_of_it(ear) -> None:
    diagnostics = ear.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
    well = DiagnosticStatus(name="/left/retarget", message="working", values=[KeyValue(key="rate_hz", value="50")])
    wrong = DiagnosticStatus(name="/left/motor_driver", message="no such port", level=DiagnosticStatus.ERROR)
    other = DiagnosticStatus(name="usb_cam: stream", message="lost", level=DiagnosticStatus.ERROR)

    def told(*entries: DiagnosticStatus) -> subprocess.Popen:
        command = [COMMAND, "status", "--json"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert ear.until(lambda: diagnostics.publish(DiagnosticArray(status=entries)) or process.poll() is not None)
        return process

    process = told(well, other)
    assert process.returncode == 0
    assert [(entry["node"], entry["state"], entry["figures"]) for entry in json.load(process.stdout)] == [
        ("/left/retarget", "ok", {"rate_hz": "50"})
    ]
    process = told(well, wrong)
    assert process.returncode == 1
    assert {entry["node"]: entry["state"] for entry in json.load(process.stdout)} == {
        "/left/retarget": "ok",
        "/left/motor_driver": "error",
    }
