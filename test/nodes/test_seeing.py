"""Pictures in, motion out, each node a process: a film of the twin's other face stands in for a person."""

import time
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lipsync_robot.msg import FaceLandmarks, MotorCommand
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from vision.acting import SMILE, Move, acted

from lipsync_robot.face.landmarks import POINTS, aperture, mouth_width
from lipsync_robot.nodes import common, images
from lipsync_robot.nodes.executor import new_executor
from lipsync_robot.nodes.witness import WitnessNode

SMALL = "camera:width:=320"  # between processes, over UDP, a best-effort picture of 0.9 MB loses a fragment too often
CHAIN = ("twin", "motor_driver", "inverse_model", "retarget", "face_landmarks")


@pytest.fixture(scope="module")
def picture(person: Path) -> np.ndarray:
    """(480, 640, 3), the film's first."""
    from lipsync_robot.vision import video

    return next(video.frames(person))[1]


def test_a_film_moves_the_servos_and_nobody_restamps(ear, watching, opening, person: Path) -> None:
    faces, commands = ear.hear(FaceLandmarks, "human/landmarks"), ear.hear(MotorCommand, "motor/command")
    joints = ear.hear(JointState, "twin/joints")
    for name in CHAIN:
        watching(name)
    assert ear.until(ear.listens)  # the camera waits for the nodes of the chain, and not for an ear
    pictures = ear.hear(Image, "camera/image", common.IMAGE)
    source = watching("camera", "-p", f"camera:source:={person}", "-p", SMALL)
    assert ear.until(lambda: source.poll() is not None)
    assert source.returncode == 0
    assert ear.until(lambda: len(commands) >= len(faces) > 10)

    moments = [common.seconds(message.header.stamp) for message in pictures]
    assert np.diff(moments) * 50 == pytest.approx(np.diff(moments).round(2) * 50, abs=1e-3)  # those of the film
    stamps = {(message.header.stamp.sec, message.header.stamp.nanosec) for message in faces}
    assert {(message.header.stamp.sec, message.header.stamp.nanosec) for message in commands} <= stamps
    assert max(aperture(np.array(message.points).reshape(POINTS, 3)) for message in faces) > 0.3  # cm
    assert max(opening(message.position) for message in joints) > 0.3  # cm: the twin opened its mouth too


def test_a_predictor_passes_on_every_face_with_its_stamp_and_shows_what_it_foretells(ear, watching, foreteller: Path) -> None:
    faces = acted([Move(SMILE, 1.0, 0.6)], np.arange(0, 2.2, 0.04))
    observed = ear.node.create_publisher(FaceLandmarks, "human/observed", common.MOTION)
    shown = ear.hear(FaceLandmarks, "human/landmarks")
    watching("predictor", "-p", f"predictor:model:={foreteller}")
    assert ear.until(lambda: ear.listens() and observed.get_subscription_count())
    for k, face in enumerate(faces):
        message = FaceLandmarks(points=face.astype(np.float32).ravel())
        message.header.stamp = common.to_stamp(100 + 0.04 * k)
        observed.publish(message)
        assert ear.until(lambda k=k: len(shown) > k)
    assert [common.seconds(message.header.stamp) for message in shown] == pytest.approx(100 + 0.04 * np.arange(len(faces)))
    wider = [mouth_width(np.array(it.points).reshape(POINTS, 3)) for it in shown] - mouth_width(faces)
    assert np.abs(wider[:25]).max() < 1e-4  # cm: at rest nothing is foretold
    assert wider[25:40].max() > 0.1  # in mid-smile the smile to come is shown


def test_a_slow_consumer_never_gets_an_old_picture(ear, watching, person: Path) -> None:
    """While nobody spins, the camera plays on; what is then heard first is of now."""
    pictures = ear.hear(Image, "camera/image", common.IMAGE)
    loop = ("-p", "camera:loop:=true", "-p", "camera:await_chain:=false")
    watching("camera", "-p", f"camera:source:={person}", "-p", SMALL, *loop)
    assert ear.until(lambda: len(pictures) > 2)
    time.sleep(1.0)
    pictures.clear()
    slept = time.time()
    assert ear.until(lambda: pictures and common.seconds(pictures[-1].header.stamp) > slept)
    on_its_way_s = 0.1  # from the camera to here, at most: a picture of so shortly before is not old
    old = [message for message in pictures if common.seconds(message.header.stamp) < slept - on_its_way_s]
    assert len(old) <= 1  # the one that was the newest


def test_a_face_that_is_lost_is_said_once_and_so_is_its_return(ear, watching, parameters, picture: np.ndarray) -> None:
    eyes = watching("face_landmarks")
    faces, told = ear.hear(FaceLandmarks, "human/landmarks"), ear.hear(DiagnosticArray, "/diagnostics")
    camera = ear.node.create_publisher(Image, "camera/image", qos_profile_sensor_data)
    picture = np.ascontiguousarray(picture[::2, ::2])
    assert ear.until(camera.get_subscription_count)
    wall = np.full_like(picture, 180)

    def shown(rgb: np.ndarray, condition) -> None:
        def show() -> bool:
            camera.publish(images.to_message(rgb, time.time()))
            return condition()

        assert ear.until(show)

    shown(picture, lambda: len(faces) > 5)
    shown(picture, lambda: any(status.message == "following a face" for array in told for status in array.status))
    assert ear.until(lambda: told[-1].status[0].message == "no picture comes any more")
    shown(wall, lambda: any(status.message == "no face" for array in told for status in array.status))
    seen = len(faces)
    shown(picture, lambda: len(faces) > seen + 5)
    assert parameters("face_landmarks").set(most_turned_deg=0.0) == ""  # while it runs: now every face is turned away
    shown(picture, lambda: any(status.message.startswith("turned away by") for array in told for status in array.status))
    eyes.terminate()
    said, _ = eyes.communicate(timeout=60)
    assert said.count("the face is lost: no face") == 1
    assert said.count("the face is there again") == 1


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8", "mono8"])
def test_pictures_of_any_ordinary_encoding_are_understood(encoding: str) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    order = {"rgb8": [0, 1, 2], "bgr8": [2, 1, 0], "rgba8": [0, 1, 2, 0], "bgra8": [2, 1, 0, 0], "mono8": [0]}[encoding]
    sent = rgb[..., order]
    rows = np.zeros((4, 32), np.uint8)  # wider than a row of pixels, as some drivers align them
    rows[:, : sent[0].size] = sent.reshape(4, -1)
    message = Image(height=4, width=6, encoding=encoding, step=32, data=rows.tobytes())
    expected = np.repeat(rgb[..., :1], 3, axis=2) if encoding == "mono8" else rgb
    assert np.array_equal(images.from_message(message), expected)


def test_a_picture_becomes_a_message_and_the_same_picture_again(picture: np.ndarray) -> None:
    assert np.array_equal(images.from_message(images.to_message(picture, 1.5)), picture)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"encoding": "16UC1"}, "images encoded as '16UC1' are not understood: send one of rgb8"),
        ({"data": b"\0" * 71}, "an image of 6 x 4 rgb8 came with 71 bytes."),
        ({"step": 3}, "an image of 6 x 4 rgb8 came with 72 bytes."),
    ],
)
def test_a_broken_image_is_refused_in_words(changes: dict, says: str) -> None:
    message = Image(**{"height": 4, "width": 6, "encoding": "rgb8", "step": 18, "data": b"\0" * 72, **changes})
    with pytest.raises(images.ImageError, match=says):
        images.from_message(message)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-p", "camera:source:=/nowhere.mp4"], "/nowhere.mp4: not a video that FFmpeg can read (No such file or directory)"),
        (["-p", "camera:source:=/proc/self/fdinfo"], "/proc/self/fdinfo: there is no picture in it"),
        (["-p", "camera:width:=1"], "parameter 'width' is 1; it goes from 64 to 4096"),
    ],
)
def test_a_source_that_is_none_is_one_clear_sentence(watching, arguments: list[str], says: str) -> None:
    process = watching("camera", *arguments)
    said, _ = process.communicate(timeout=60)
    assert says in said
    assert "Traceback" not in said
    assert process.returncode == 2


def test_a_camera_that_is_not_there_yet_is_waited_for(watching) -> None:
    process = watching("camera", "-p", "camera:source:='61'")
    assert process.stdout
    assert any("/dev/video61: there is no such camera or file" in line for line in process.stdout)
    time.sleep(1.5)  # in which it looks again
    assert process.poll() is None
    process.terminate()
    assert process.wait(60) == 0


def test_a_picture_that_cannot_be_kept_spoils_no_other(ear, picture: np.ndarray) -> None:
    small = picture[::4, ::4]
    witness, executor = WitnessNode(), new_executor()
    executor.add_node(witness)
    sent = ear.node.create_publisher(Image, "camera/image", common.IMAGE)
    unknown, good = (images.to_message(small, 1.0) for _ in range(2))
    unknown.encoding = "nonsense"
    give_up = time.monotonic() + 60
    while len(witness.moments) < 2:
        assert time.monotonic() < give_up
        for message in (unknown, good):
            sent.publish(message)
            executor.spin_once(0.1)
    kept = list(witness.pictures())
    executor.shutdown()
    witness.destroy_node()
    assert len(kept) == len(witness.moments)
    assert all(np.abs(each.astype(int) - small).mean() < 5 for each in kept)
