"""As mimic.launch.py, whose arguments it takes, with a predictor: expressions begin before the person's have peaked."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from launch import LaunchDescription

MIMIC = Path(get_package_share_directory("lipsync_robot")) / "launch/mimic.launch.py"


def generate_launch_description() -> LaunchDescription:
    source = PythonLaunchDescriptionSource(str(MIMIC))
    return LaunchDescription([IncludeLaunchDescription(source, launch_arguments={"anticipate": "true"}.items())])
