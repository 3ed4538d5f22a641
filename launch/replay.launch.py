"""A recorded run to servos, one process a node: ros2 launch lipsync_robot replay.launch.py bag:=$PWD/out/run stage:=human

Plays one stage of a bag, of `lipsync-robot record` or `ros2 bag record`, in real time; the nodes after it answer anew. With the
twin unless told otherwise; the nodes' parameters stand in config/speak.yaml, or in the file that `config:=` names. Ends by
itself when the bag does.
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
AFTER_S = 1.5  # the last sound is still being heard when it has been sent

ARGUMENTS = [
    ("config", str(SHARE / "config/speak.yaml"), "Settings of all nodes"),
    ("bag", None, "Folder of the bag"),
    ("stage", "audio", "What is played: audio, human (landmarks), robot (landmarks) or (motor) command"),
    ("rate", "1.0", "How many times as fast as it was; sound has one speed"),
    ("recorded_namespace", "", "Namespace of the robot that was recorded, where the bag holds several"),
    ("port", "twin", "Serial port of the robot that config describes, such as /dev/ttyACM0; or twin for the simulated one"),
    ("namespace", "", "Namespace of all nodes and topics: one for each robot"),
]


def generate_launch_description() -> LaunchDescription:
    player = _node("bag_player", {name: _text(name) for name in ("bag", "stage", "recorded_namespace")} | {"rate": _rate()})
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=says) for name, value, says in ARGUMENTS),
            _node("twin", {}, IfCondition(PythonExpression([*_quoted("port"), " == 'twin'"]))),
            _node("motor_driver", {"port": _text("port")}),
            _node("inverse_model", {}, _stage_among("audio", "human", "robot")),
            _node("retarget", {}, _stage_among("audio", "human")),
            _node("audio2landmark", {}, _stage_among("audio")),
            _node("speaker"),
            player,
            RegisterEventHandler(
                OnProcessExit(target_action=player, on_exit=[TimerAction(period=AFTER_S, actions=[Shutdown()])])
            ),
        ]
    )


def _quoted(name: str) -> list:
    return ["r'''", LaunchConfiguration(name), "'''"]


def _stage_among(*stages: str) -> IfCondition:
    return IfCondition(PythonExpression([*_quoted("stage"), f" in {stages!r}"]))


def _text(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=str)  # a bag may be called 2026


def _rate() -> ParameterValue:
    return ParameterValue(LaunchConfiguration("rate"), value_type=float)


def _node(name: str, parameters: dict | None = None, condition: object = None) -> Node:
    return Node(
        package="lipsync_robot",
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("config"), parameters or {}],
        condition=condition,
        output="screen",
        on_exit=None if name == "bag_player" else Shutdown(),  # a node that cannot go on ends all
    )
