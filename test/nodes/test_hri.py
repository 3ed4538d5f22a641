"""What ROS4HRI hears of a face that is followed, and of a voice, where its messages are installed."""

import array
import time
from pathlib import Path

import numpy as np
import pytest
from lipsync_robot.msg import Audio
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from lipsync_robot.audio.mel import HOP, SAMPLE_RATE
from lipsync_robot.face.action_units import UNITS
from lipsync_robot.nodes import common, images
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


def test_a_voice_has_a_name_and_is_heard_word_by_word(ear, start, speech: np.ndarray) -> None:
    pytest.importorskip("pocketsphinx", reason="comes with requirements-train.txt")
    start("recogniser")
    tracked = ear.hear(hri_msgs.IdsList, "/humans/voices/tracked")
    sound = ear.node.create_publisher(Audio, "audio", common.SOUND)
    assert ear.until(lambda: sound.get_subscription_count() and ear.listens())
    sent = 0

    def say(samples: np.ndarray, stamp: float) -> None:
        nonlocal sent
        message = Audio(sample_rate=SAMPLE_RATE, samples=array.array("h", samples.tobytes()))
        message.header.stamp = common.to_stamp(stamp)
        sound.publish(message)
        sent += 1
        assert ear.until(lambda: len(tracked) >= sent)  # it decodes at its own speed

    say(np.zeros(HOP, np.int16), 100.0)
    (name,) = tracked[-1].ids
    said = ear.hear(hri_msgs.LiveSpeech, f"/humans/voices/{name}/speech")
    speaking = ear.hear(Bool, f"/humans/voices/{name}/is_speaking")
    assert ear.until(ear.listens)
    reading = np.concatenate([np.rint(speech[: 3 * SAMPLE_RATE] * 32767).astype(np.int16), np.zeros(SAMPLE_RATE, np.int16)])
    for k, block in enumerate(reading.reshape(-1, HOP)):
        say(block, 101 + k * HOP / SAMPLE_RATE)
    assert ear.until(lambda: said and said[-1].final)
    assert "chapter one" in said[-1].final and said[-1].incremental == said[-1].final
    assert all(not it.final for it in said[:-1]) and len(said) > 2
    assert 101 < common.seconds(said[-1].header.stamp) < 105
    assert {it.data for it in speaking} == {False, True}
