"""Pictures that show a face badly are not used; a camera that sees badly all the time is."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lipsync_robot.twin.camera import Camera
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision.facemesh import FaceMesh
from lipsync_robot.vision.gate import MOST_TURNED_DEG
from lipsync_robot.vision.watch import Watcher


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera(FaceSimulation())


@pytest.fixture(scope="module")
def sharp(camera: Camera) -> np.ndarray:
    return camera.picture()


def smeared(picture: np.ndarray, pixels: int) -> np.ndarray:
    """As by a head, or a camera, that moved sideways while the shutter was open."""
    return cv2.blur(picture, (pixels, 1))


@pytest.fixture
def watch() -> Watcher:
    return Watcher()


def test_a_blurred_picture_among_sharp_ones_is_not_used(watch: Watcher, sharp: np.ndarray) -> None:
    for k in range(10):
        assert watch(sharp, k / 25).why == ""
    assert watch(smeared(sharp, 30), 10 / 25).why == "blurred"
    assert watch(sharp, 11 / 25).why == ""


def test_a_camera_that_is_never_sharp_is_believed(watch: Watcher, sharp: np.ndarray) -> None:
    blurred = smeared(sharp, 30)
    assert [watch(blurred, k / 25).why for k in range(10)] == [""] * 10


def test_a_camera_that_loses_its_focus_is_believed_after_a_while(watch: Watcher, sharp: np.ndarray) -> None:
    for k in range(50):
        watch(sharp, k / 25)
    blurred = smeared(sharp, 30)
    said = [watch(blurred, k / 25).why for k in range(50, 100)]
    assert said[0] == "blurred"
    assert said[-1] == ""


def test_a_head_that_turns_away_is_not_followed(watch: Watcher, camera: Camera) -> None:
    ahead = camera.appearance
    said = {}
    for yaw in range(0, 71, 5):
        camera.appearance = replace(ahead, yaw_deg=float(yaw))
        said[yaw] = watch(camera.picture(), yaw / 25).why
    camera.appearance = ahead
    assert said[25] == ""
    assert said[70].startswith("turned away by ")
    assert float(said[70].split()[3]) > MOST_TURNED_DEG


@pytest.mark.parametrize("left", [True, False])
def test_the_nearer_of_two_faces_is_followed(watch: Watcher, sharp: np.ndarray, left: bool) -> None:
    small = cv2.resize(sharp, None, fx=0.6, fy=0.6)
    room = np.full((480, 1200, 3), 200, np.uint8)
    room[:, :640] = sharp
    room[100 : 100 + len(small), 720 : 720 + small.shape[1]] = small
    room = room if left else np.ascontiguousarray(room[:, ::-1])
    mesh = FaceMesh(2)
    assert [len(mesh.screens(room)) for _ in range(3)][-1] == 2
    mesh.close()
    face = [watch(room, k / 25).face for k in range(5)][-1]
    assert face is not None
    assert (face.pose[0, 3] < 0) == left


@pytest.mark.parametrize(("brightness", "why"), [(0.01, "no face: it is too dark"), (None, "no face")])
def test_without_a_face_it_says_why(watch: Watcher, sharp: np.ndarray, brightness: float | None, why: str) -> None:
    wall = np.full_like(sharp, 180)
    picture = wall if brightness is None else (sharp * brightness).astype(np.uint8)
    assert watch(picture, 0.0) == (None, why)
