"""Camera to servos, one process a node: ros2 launch lipsync_robot mimic.launch.py camera:=0

With the twin unless told otherwise; every parameter stands in config/mimic.yaml, or in the file that `config:=` names. Ends by
itself when a video file does. coexpress.launch.py is the same with a predictor.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, RegisterEventHandler, Shutdown, TimerAction
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SHARE = Path(get_package_share_directory("lipsync_robot"))
AFTER_S = 1.0  # the face still goes home

ARGUMENTS = [
    ("config", str(SHARE / "config/mimic.yaml"), "Settings of all nodes"),
    ("camera", "0", "Camera by number, device or name; or a video file, or a folder of pictures"),
    ("topic", "", "Image topic of a camera that runs already, such as twin/image; no other is opened then"),
    ("anticipate", "false", "Begin expressions before the person's have peaked"),
    ("port", "twin", "Serial port of the robot that config describes, such as /dev/ttyACM0; or twin for the simulated one"),
    ("namespace", "", "Namespace of all nodes and topics: one for each robot"),
]


def generate_launch_description() -> LaunchDescription:
    anticipate = [*_quoted("anticipate"), " == 'true'"]
    pictures = ("camera/image", PythonExpression([*_quoted("topic"), " or 'camera/image'"]))
    camera = _node("camera", {"source": _text("camera")}, UnlessCondition(_is_named("topic")))
    seen = ("human/landmarks", PythonExpression(["'human/observed' if ", *anticipate, " else 'human/landmarks'"]))
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=says) for name, value, says in ARGUMENTS),
            _node("twin", {}, IfCondition(PythonExpression([*_quoted("port"), " == 'twin'"]))),
            _node("motor_driver", {"port": _text("port")}),
            _node("inverse_model"),
            _node("retarget"),
            _node("predictor", {}, IfCondition(PythonExpression(anticipate))),
            _node("face_landmarks", remappings=[pictures, seen]),
            camera,
            RegisterEventHandler(
                OnProcessExit(target_action=camera, on_exit=[TimerAction(period=AFTER_S, actions=[Shutdown()])])
            ),
        ]
    )


def _quoted(name: str) -> list:
    return ["r'''", LaunchConfiguration(name), "'''"]


def _is_named(name: str) -> PythonExpression:
    return PythonExpression(["bool(", *_quoted(name), ")"])


def _text(name: str) -> ParameterValue:
    return ParameterValue(LaunchConfiguration(name), value_type=str)  # a camera is named, even by its number


def _node(name: str, parameters: dict | None = None, condition: object = None, remappings: list | None = None) -> Node:
    return Node(
        package="lipsync_robot",
        executable=name,
        name=name,
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("config"), parameters or {}],
        remappings=remappings,
        condition=condition,
        output="screen",
        on_exit=None if name == "camera" else Shutdown(),  # a node that cannot go on ends all
    )
