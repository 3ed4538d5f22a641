"""The launch files on the genuine `ros2 launch`, where a ROS 2 installation brings it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch", reason="`launch` comes with a ROS 2 installation, not from PyPI")
pytest.importorskip("launch_ros", reason="`launch_ros` comes with a ROS 2 installation, not from PyPI")

from lipsync_robot.resources import resource

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
ONLY_THERE = {"recorder"}  # of the command: what its report is made from
OUTSIDE = ("launch_ros_", "_", "test_ear")  # launch's own node, hidden ones, and the test's
LAUNCH = """
import sys
from launch import LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
service = LaunchService()
arguments = dict(argument.split(":=") for argument in sys.argv[2:])
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(IncludeLaunchDescription(source, launch_arguments=arguments.items()))
sys.exit(service.run())
"""


def launched(file: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", LAUNCH, str(resource(f"launch/{file}")), *arguments]


@pytest.mark.parametrize(
    ("file", "argument", "verb", "nodes", "played"),
    [
        (
            "speak.launch.py",
            "file",
            ["speak"],
            {"audio_file", "audio2landmark", "speaker"},
            ("take #2: a.wav", "sine=duration=60"),
        ),
        (
            "mimic.launch.py",
            "camera",
            ["mimic", "--camera"],
            {"camera", "face_landmarks"},
            ("a.mp4", "testsrc=duration=60:size=64x48"),
        ),
        (
            "coexpress.launch.py",
            "camera",
            ["coexpress", "--camera"],
            {"camera", "face_landmarks", "predictor"},
            ("a.mp4", "testsrc=duration=60:size=64x48"),
        ),
    ],
)
def test_the_command_starts_what_its_launch_file_starts(
    ear, parameters, make_sound, file: str, argument: str, verb: list[str], nodes: set[str], played: tuple[str, str]
) -> None:
    """Names of nodes, the parameters that each one holds, and the topics at its ends, as any ROS 2 program sees them."""
    path = make_sound(played[0], source=played[1])
    wanted = nodes | {"twin", "motor_driver", "emergency_stop", "inverse_model", "retarget"}

    def graph(command: list[str]) -> dict[str, tuple]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert ear.until(lambda: wanted <= set(ear.node.get_node_names()) or process.poll() is not None)
            assert process.poll() is None, process.communicate()[0]
            names = {name for name in ear.node.get_node_names() if not name.startswith(OUTSIDE)} - ONLY_THERE
            held = {name: values(name) for name in names}  # whoever answers has all its topics
            ear.until(lambda: False, patience_s=1.0)  # and by now they are known here
            return {name: (topics(name), held[name]) for name in names}
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            assert ear.until(lambda: not wanted & set(ear.node.get_node_names()))

    def topics(name: str) -> tuple:
        ends = ear.node.get_publisher_names_and_types_by_node, ear.node.get_subscriber_names_and_types_by_node
        return tuple(sorted(map(str, end(name, "/"))) for end in ends)

    def values(name: str) -> dict[str, object]:
        if name == "emergency_stop":
            return {}
        known = parameters(name).names()
        return dict(zip(known, parameters(name).get(*known), strict=True))

    composed = graph([COMMAND, *verb, str(path)])
    assert set(composed) == wanted
    assert graph(launched(file, f"{argument}:={path}")) == composed


def test_a_camera_is_named_by_its_number(ear, parameters) -> None:
    process = subprocess.Popen(launched("mimic.launch.py", "camera:=0"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert ear.until(lambda: "camera" in ear.node.get_node_names() or process.poll() is not None)
        assert parameters("camera").get("source") == ["0"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def test_speaks_a_file_and_ends_by_itself(make_sound, patient: Path) -> None:
    sound = make_sound("short.wav", source=f"amovie={resource('samples/avonlea.opus')},atrim=0:2")
    ends_by_itself("speak", 7, f"file:={sound}", f"config:={patient}")


@pytest.mark.parametrize(("stage", "nodes"), [("audio", 7), ("command", 4)])
def test_replays_a_stage_and_ends_by_itself(bag: Path, patient: Path, stage: str, nodes: int) -> None:
    ends_by_itself("replay", nodes, f"bag:={bag}", f"stage:={stage}", f"config:={patient}")


def ends_by_itself(name: str, nodes: int, *arguments: str) -> None:
    command = launched(f"{name}.launch.py", *arguments)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0, said
    assert said.count("process has finished cleanly") == nodes, said
