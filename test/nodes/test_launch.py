"""The launch files on the genuine `ros2 launch`, where a ROS 2 installation brings it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch", reason="`launch` comes with a ROS 2 installation, not from PyPI")
pytest.importorskip("launch_ros", reason="`launch_ros` comes with a ROS 2 installation, not from PyPI")

from lipsync_robot.resources import resource

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


def test_speaks_a_file_and_ends_by_itself(make_sound, patient: Path) -> None:
    sound = make_sound("short.wav", source=f"amovie={resource('samples/avonlea.opus')},atrim=0:2")
    ends_by_itself("speak", 7, f"file:={sound}", f"config:={patient}")


@pytest.mark.parametrize(("stage", "nodes"), [("audio", 7), ("command", 4)])
def test_replays_a_stage_and_ends_by_itself(bag: Path, patient: Path, stage: str, nodes: int) -> None:
    ends_by_itself("replay", nodes, f"bag:={bag}", f"stage:={stage}", f"config:={patient}")


def ends_by_itself(name: str, nodes: int, *arguments: str) -> None:
    launched = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(resource(f"launch/{name}.launch.py")), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = launched.communicate(timeout=120)
    finally:
        launched.send_signal(signal.SIGINT)
    assert launched.returncode == 0, said
    assert said.count("process has finished cleanly") == nodes
