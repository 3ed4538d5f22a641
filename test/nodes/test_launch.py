"""The launch file on the genuine `ros2 launch`, where a ROS 2 installation brings it."""

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
    launched = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(resource("launch/speak.launch.py")), f"file:={sound}", f"config:={patient}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = launched.communicate(timeout=120)
    finally:
        launched.send_signal(signal.SIGINT)
    assert launched.returncode == 0, said
    assert said.count("process has finished cleanly") == 7
