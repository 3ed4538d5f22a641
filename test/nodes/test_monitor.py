"""The monitor beside a chain that runs, each a process: what it recorded is read back by Rerun's own reader."""

import array
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lipsync_robot.msg import Audio, FaceLandmarks
from sensor_msgs.msg import Image, JointState

from lipsync_robot.face.landmarks import CANONICAL, POINTS
from lipsync_robot.motors.description import Robot
from lipsync_robot.nodes import common, images

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
CHAIN = ("twin", "motor_driver", "inverse_model", "retarget")
WITHOUT_RERUN = "import sys; sys.modules['rerun'] = None; from lipsync_robot.{} import main; main()"
SHOWN = {
    "/camera/picture:Blob", "/twin/picture:Blob", "/sound/peak:Scalar", "/diagnostics:Text",
    "/human/points:Position3D", "/human/contours:LineStrip3D", "/robot/points:Position2D", "/robot/contours:LineStrip2D",
    "/motors/sent:Scalar", "/motors/command:Scalar",
    *(f"/latency/{topic}:Scalar" for topic in ("audio", "camera/image", *common.TO_MOTION, "motor/sent")),
}  # fmt: skip


def test_what_it_recorded_is_all_that_the_robot_said_each_at_its_stamp(ear, watching, robot: Robot, tmp_path: Path) -> None:
    dataframe = pytest.importorskip("rerun.dataframe", reason="the monitor is an extra: requirements-monitor.txt")
    file = tmp_path / "robot.rrd"
    speaking = {
        FaceLandmarks: ear.node.create_publisher(FaceLandmarks, "human/landmarks", common.MOTION),
        Audio: ear.node.create_publisher(Audio, "audio", common.SOUND),
        Image: ear.node.create_publisher(Image, "camera/image", common.IMAGE),
    }
    ear.hear(JointState, "motor/sent")

    def recorded() -> set[str]:
        columns = dataframe.load_recording(file).schema().component_columns()
        return {f"{it.entity_path}:{it.component_name.split('.')[-1]}" for it in columns}

    def column(path: str, component: str) -> tuple[np.ndarray, list]:
        view = dataframe.load_recording(file).view(index="stamp", contents=path).filter_is_not_null(f"{path}:{component}")
        table = view.select().read_all()
        return table["stamp"].to_numpy().astype(np.int64), table[f"{path}:{component}"].to_pylist()

    def shown() -> bool:
        return recorded() >= SHOWN and len(column("/human/points", "Position3D")[0]) > 5

    for name in CHAIN:
        watching(name)
    os.environ["RERUN_STRICT"] = "1"  # what it could only warn of is an error
    try:
        monitor = watching("monitor", "-p", "monitor:show:=file", "-p", f"monitor:file:={file}")
    finally:
        del os.environ["RERUN_STRICT"]
    assert ear.until(lambda: all(it.get_subscription_count() for it in speaking.values()), patience_s=200.0)
    assert ear.until(lambda: speaking[FaceLandmarks].get_subscription_count() >= 2 and ear.listens(), patience_s=200.0)

    face = CANONICAL.vertices.astype(np.float32)
    picture, tone = np.full((48, 64, 3), 90, np.uint8), (16384 * np.ones(640)).astype(np.int16)
    said = []
    for k in range(2000):  # for as long as it takes the chain to answer and the monitor to write
        stamp = common.to_stamp(ear.node.get_clock().now().nanoseconds * 1e-9)
        said.append(stamp.sec * 1_000_000_000 + stamp.nanosec)
        for message in (
            FaceLandmarks(points=(face + 0.001 * k).ravel()),
            Audio(sample_rate=16000, samples=array.array("h", tone.tobytes())),
            images.to_message(picture, 0.0),
        ):
            message.header.stamp = stamp
            speaking[type(message)].publish(message)
        ear.until(lambda: False, patience_s=0.05)
        if k % 20 == 19 and shown():
            break
    monitor.send_signal(signal.SIGINT)
    output, _ = monitor.communicate(timeout=60)
    assert monitor.returncode == 0, output
    assert "Warning" not in output

    recording = dataframe.load_recording(file)
    assert {str(index) for index in recording.schema().index_columns()} >= {"Index(timeline:stamp)"}
    assert recorded() >= SHOWN

    stamps, faces = column("/human/points", "Position3D")
    assert len(faces) > 5 and set(stamps) <= set(said) and (np.diff(stamps) > 0).all()
    for stamp, points in zip(stamps.tolist(), faces, strict=True):
        assert np.array(points, np.float32).reshape(POINTS, 3) == pytest.approx(face + 0.001 * said.index(stamp), abs=1e-4)
    _, peaks = column("/sound/peak", "Scalar")
    assert len(peaks) > 5 and np.array(peaks) == pytest.approx(0.5, abs=1e-3)
    moments, positions = column("/motors/sent", "Scalar")
    assert {len(it) for it in positions} == {len(robot.motors)} and (np.diff(moments) > 0).all()
    assert column("/latency/motor/command", "Scalar")[1][0][0] > 0


@pytest.mark.parametrize("door", ["nodes.monitor", "cli"])
def test_without_rerun_it_says_how_to_install_it(door: str) -> None:
    arguments = ["monitor", "--web"] if door == "cli" else []
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_RERUN.format(door), *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "the monitor needs Rerun, but rerun is not installed. Run: " in ended.stderr
    assert "-m pip install -r" in ended.stderr and "requirements-monitor.txt" in ended.stderr
    assert "Traceback" not in ended.stderr
