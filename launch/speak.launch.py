"""Sound to servos, one process a node: ros2 launch lipsync_robot speak.launch.py file:=hello.wav

With the twin and a recording unless told otherwise; every parameter stands in config/speak.yaml, or in the file that
`config:=` names. Ends by itself when the recording does.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, RegisterEventHandler, Shutdown, TimerAction
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = Path(get_package_share_directory("lipsync_robot"))
AFTER_S = 1.5  # the last sound is still being heard when the recording has been sent

ARGUMENTS = [
    ("config", str(SHARE / "config/speak.yaml"), "Settings of all nodes"),
    ("file", str(SHARE / "samples/avonlea.opus"), "Sound file to speak; empty for the microphone"),
    ("port", "twin", "Serial port of the robot that config describes, such as /dev/ttyACM0; or twin for the simulated one"),
    ("namespace", "", "Namespace of all nodes and topics: one for each robot"),
]


def generate_launch_description() -> LaunchDescription:
    recording = IfCondition(PythonExpression(["bool(", *_quoted("file"), ")"]))
    audio_file = _node("audio_file", {"file": _text("file")}, recording)
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=says) for name, value, says in ARGUMENTS),
            _node("twin", {}, IfCondition(PythonExpression([*_quoted("port"), " == 'twin'"]))),
            _node("motor_driver", {"port": _text("port")}),
            _node("inverse_model"),
            _node("retarget"),
            _node("audio2landmark"),
            _node("speaker", {}, recording),  # who speaks needs no loudspeaker
            _node("microphone", {}, IfCondition(PythonExpression(["not ", *_quoted("file")]))),
            audio_file,
            RegisterEventHandler(
                OnProcessExit(target_action=audio_file, on_exit=[TimerAction(period=AFTER_S, actions=[Shutdown()])])
            ),
        ]
    )


def _quoted(name: str) -> list:
    return ["r'''", LaunchConfiguration(name), "'''"]


def _text(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=str)  # a recording may be called 2026


def _node(name: str, parameters: dict | None = None, condition: object = None) -> Node:
    return Node(
        package="lipsync_robot",
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("config"), parameters or {}],
        condition=condition,
        output="screen",
        on_exit=None if name == "audio_file" else Shutdown(),  # a node that cannot go on ends all
    )
