"""The arrows between nodes: what travels on each, with which quality of service; and the stages among them."""

from itertools import pairwise
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.exceptions import InvalidTopicNameException
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.validate_topic_name import validate_topic_name
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from lipsync_robot.msg import Audio, FaceLandmarks, MotorCommand, RobotLandmarks

from .. import bags
from .common import IMAGE, MOTION, SOUND, TO_MOTION, VOID, ParameterError


class Arrow(NamedTuple):
    message: Any  # its class
    quality: QoSProfile

    @property
    def kind(self) -> str:
        """As ROS 2 names it."""
        return f"{self.message.__module__.partition('.')[0]}/msg/{self.message.__name__}"

    @property
    def offered(self) -> bags.Quality:
        """Its quality, as a bag tells it."""
        return bags.quality(self.quality.depth, self.quality.reliability == ReliabilityPolicy.RELIABLE)


ARROWS = {
    "audio": Arrow(Audio, SOUND),
    VOID: Arrow(Header, MOTION),
    "human/landmarks": Arrow(FaceLandmarks, MOTION),
    "robot/landmarks": Arrow(RobotLandmarks, MOTION),
    "motor/command": Arrow(MotorCommand, MOTION),
    "motor/sent": Arrow(JointState, MOTION),
    "motor/measured": Arrow(JointState, MOTION),
    "human/observed": Arrow(FaceLandmarks, MOTION),
    "camera/image": Arrow(Image, IMAGE),
    "twin/joints": Arrow(JointState, MOTION),
    "twin/image": Arrow(Image, IMAGE),
    "/diagnostics": Arrow(DiagnosticArray, QoSProfile(depth=10)),
}
USUAL = tuple(ARROWS)[:8]  # worth recording of any run
STAGES = dict(zip(("audio", "human", "robot", "command"), ("audio", *TO_MOTION), strict=True))
NEXT = dict(pairwise(STAGES.values()))
ANSWER = ("audio2landmark", "retarget", "inverse_model")  # the nodes between the stages, in the same order


def arrow(topic: str) -> Arrow:
    """What travels on a topic, whatever its namespace. Raises ParameterError."""
    known = next((name for name in ARROWS if topic == name or topic.endswith(f"/{name}")), None)
    try:
        validate_topic_name(topic)
    except InvalidTopicNameException:
        known = None
    if known is None:
        raise ParameterError(f"topic {topic!r} is not known. Known, in any namespace: {', '.join(ARROWS)}.")
    return ARROWS[known]


def after(stage: str) -> tuple[str, ...]:
    """The nodes that answer what is played on a stage's topic, down to motor/command."""
    return ANSWER[list(STAGES).index(stage) :]
