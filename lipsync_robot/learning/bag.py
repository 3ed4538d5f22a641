"""Babbled poses as a rosbag2: what `ros2 bag` can play and read, and `babble --replay` can look at once more.

A pose is one message on motor/sent (sensor_msgs/JointState; frame_id is the part of the face that was moved), and then its
pictures on camera/image/compressed (sensor_msgs/CompressedImage, PNG: nothing is lost), all of one stamp.
"""

import io
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from .. import bags
from ..errors import BadInputError
from .babble import Pose

SENT, SEEN = "/motor/sent", "/camera/image/compressed"
JOINTS, PICTURE, HEADER, TIME = (
    "sensor_msgs/msg/JointState",
    "sensor_msgs/msg/CompressedImage",
    "std_msgs/msg/Header",
    "builtin_interfaces/msg/Time",
)


def recorded(poses: Iterable[Pose | None], motors: list[str], path: Path) -> Generator[Pose | None, None, None]:
    """The same poses, each written to a new bag as it passes. Raises BadInputError where the bag exists."""
    types = bags.types()
    make, nothing = types.types, np.array([])
    bag = bags.Recording(path)
    try:
        for pose in poses:
            if pose is not None:
                now = time.time_ns()
                header = make[HEADER](make[TIME](now // bags.NS, now % bags.NS), pose.part)
                joints = make[JOINTS](header, motors, pose.command.astype(float), nothing, nothing)
                bag.write(SENT, JOINTS, now, types.serialize_cdr(joints, JOINTS))
                for view in pose.views:
                    picture = make[PICTURE](header, "png", np.frombuffer(_png(view), np.uint8))
                    bag.write(SEEN, PICTURE, now, types.serialize_cdr(picture, PICTURE))
            yield pose
    finally:
        bag.close()


def replayed(path: Path, motors: list[str], pictures: bool = True) -> Iterator[Pose]:
    """The poses of a bag, with or without their pictures. Raises BadInputError where it is none, or another robot's."""
    pose = None
    for topic, kind, _, data in bags.messages(path, SENT, *[SEEN] * pictures):
        message = bags.decoded(data, kind)
        if topic == SENT:
            if list(message.name) != motors:
                raise BadInputError(f"{path}: was recorded of the motors {', '.join(message.name)}. Name that --robot.")
            if pose is not None:
                yield pose
            pose = Pose(message.header.frame_id, np.array(message.position), [])
        elif pose is not None:
            with Image.open(io.BytesIO(message.data.tobytes())) as picture:
                pose.views.append(np.asarray(picture))
    if pose is not None:
        yield pose


def chunks(path: Path, motors: list[str]) -> int:
    """How many times a bag's robot began with its face at rest."""
    return sum(pose.part == "rest" for pose in replayed(path, motors, pictures=False))


def from_rest_to_rest(poses: Iterable[Pose]) -> Iterator[list[Pose]]:
    """The poses in the chunks in which they were babbled: each begins with the face at rest."""
    chunk: list[Pose] = []
    for pose in poses:
        if pose.part == "rest" and chunk:
            yield chunk
            chunk = []
        chunk.append(pose)
    if chunk:
        yield chunk


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png", compress_level=1)
    return file.getvalue()
