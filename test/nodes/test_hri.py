"""What ROS4HRI hears of a face that is followed, where its messages are installed."""

import time
from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from lipsync_robot.face.action_units import UNITS
from lipsync_robot.nodes import images
from lipsync_robot.vision import video

hri_msgs = pytest.importorskip("hri_msgs.msg", reason="hri_msgs comes with a ROS 2 installation, not from PyPI")


def test_a_face_has_a_name_its_landmarks_in_the_picture_and_its_action_units(ear, watching, person: Path) -> None:
    film = [np.ascontiguousarray(picture[::2, ::2]) for _, picture in list(video.frames(person))[::8]]
    watching("face_landmarks")
    tracked = ear.hear(hri_msgs.IdsList, "/humans/faces/tracked")
    camera = ear.node.create_publisher(Image, "camera/image", qos_profile_sensor_data)
    assert ear.until(lambda: camera.get_subscription_count() and ear.listens())

    def shown(rgb: np.ndarray, condition) -> None:
        def show() -> bool:
            camera.publish(images.to_message(rgb, time.time()))
            return condition()

        assert ear.until(show)

    shown(film[0], lambda: tracked and tracked[-1].ids)
    (name,) = tracked[-1].ids
    landmarks = ear.hear(hri_msgs.FacialLandmarks, f"/humans/faces/{name}/landmarks")
    units = ear.hear(hri_msgs.FacialActionUnits, f"/humans/faces/{name}/action_units")
    for picture in film:
        there = len(units)
        shown(picture, lambda there=there: len(units) > there + 1 and landmarks)
    assert tracked[-1].ids == [name]

    seen = landmarks[-1]
    assert (seen.width, seen.height, len(seen.landmarks)) == (film[0].shape[1], film[0].shape[0], 70)
    points = np.array([(it.x, it.y, it.c) for it in seen.landmarks])
    assert (points[:68, 2] == 1).all() and (points[68:] == 0).all()  # nothing is known of pupils
    kind = hri_msgs.FacialLandmarks
    assert points[kind.RIGHT_EYE_OUTSIDE, 0] < points[kind.NOSE, 0] < points[kind.LEFT_EYE_OUTSIDE, 0]
    assert points[kind.SELLION, 1] < points[kind.NOSE, 1] < points[kind.MOUTH_OUTER_TOP_3, 1] < points[kind.MENTON, 1]

    known = np.array(units[-1].confidence)
    assert np.flatnonzero(known).tolist() == sorted(UNITS)
    assert {len(it.intensity) for it in units} == {99}
    assert max(it.intensity[hri_msgs.FacialActionUnits.LIPS_PART] for it in units) > 0.2
    shown(np.full_like(film[0], 180), lambda: not tracked[-1].ids)  # gone
