"""A robot that says what it is told to, one process a node: ros2 launch lipsync_robot bringup.launch.py

With the twin unless told otherwise; every parameter stands in config/speak.yaml, or in the file that `config:=` names.
`lipsync-robot say "Good morning"`, or the action `say`, makes it speak.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = Path(get_package_share_directory("lipsync_robot"))

ARGUMENTS = [
    ("config", str(SHARE / "config/speak.yaml"), "Settings of all nodes"),
    ("port", "twin", "Serial port of the robot that config describes, such as /dev/ttyACM0; or twin for the simulated one"),
    ("namespace", "", "Namespace of all nodes and topics: one for each robot"),
]


def generate_launch_description() -> LaunchDescription:
    simulated = IfCondition(PythonExpression(["r'''", LaunchConfiguration("port"), "''' == 'twin'"]))
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=says) for name, value, says in ARGUMENTS),
            _node("twin", condition=simulated),
            _node("motor_driver", {"port": _text("port")}),
            _node("inverse_model"),
            _node("retarget"),
            _node("audio2landmark"),
            _node("speaker"),
            _node("say"),
        ]
    )


def _text(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=str)  # a port is named, even by a number


def _node(name: str, parameters: dict | None = None, condition: object = None) -> Node:
    return Node(
        package="lipsync_robot",
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("config"), parameters or {}],
        condition=condition,
        output="screen",
        on_exit=Shutdown(),  # a node that cannot go on ends all
    )
