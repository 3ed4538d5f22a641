"""The twin as seen: FaceMesh takes it for a face and sees it speak. Slow: renders in software."""

import subprocess
import sys

import numpy as np
import pytest

from lipsync_robot.face.landmarks import POINTS, aperture
from lipsync_robot.face.metric import metric_face
from lipsync_robot.twin.appearance import Appearance
from lipsync_robot.twin.rig import MOTORS, NEUTRAL
from lipsync_robot.twin.simulation import FaceSimulation

WIDTH, HEIGHT = 320, 240

LEFT_OPEN = """
from lipsync_robot.twin.camera import Camera
from lipsync_robot.twin.simulation import FaceSimulation
kept = {"camera": Camera(FaceSimulation(), 64, 48, 0)}
kept["camera"].picture()
"""


@pytest.fixture(scope="module")
def face():
    return FaceSimulation()


@pytest.fixture(scope="module")
def camera(face):
    from lipsync_robot.twin.camera import Camera

    camera = Camera(face, WIDTH, HEIGHT)
    yield camera
    camera.close()


@pytest.fixture(scope="module")
def facemesh():
    mediapipe = pytest.importorskip("mediapipe")
    with mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, refine_landmarks=False) as mesh:
        yield mesh


def seen(facemesh, picture: np.ndarray) -> np.ndarray:
    """-> (468, 3) cm, metric face."""
    faces = facemesh.process(picture).multi_face_landmarks
    assert faces, "FaceMesh finds no face"
    points = np.array([(p.x, p.y, p.z) for p in faces[0].landmark[:POINTS]])
    return metric_face(points, WIDTH, HEIGHT).points


def test_a_picture_has_the_size_asked_for(camera):
    picture = camera.picture()
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture.dtype == np.uint8
    assert picture.std() > 20


def test_the_same_pose_gives_the_same_picture(face, camera):
    face.place(NEUTRAL)
    first = camera.picture().copy()
    face.place(np.ones(11))
    other = camera.picture().copy()
    face.place(NEUTRAL)
    assert np.array_equal(camera.picture(), first)
    assert not np.array_equal(other, first)


def test_facemesh_finds_the_face_and_sees_the_jaw_open(face, camera, facemesh):
    opened = NEUTRAL.copy()
    opened[MOTORS.index("jaw")] = 1.0
    apertures = []
    for command in (NEUTRAL, opened):
        face.place(command)
        apertures.append(aperture(seen(facemesh, camera.picture())))
    closed_cm, open_cm = apertures
    assert closed_cm < 0.3
    assert open_cm > 1.5


@pytest.fixture
def look(face, camera):
    """The picture of the face at rest that looks so; afterwards the camera is as it was."""

    def picture(**appearance: float) -> np.ndarray:
        face.place(NEUTRAL)
        camera.appearance = Appearance(**appearance)
        return camera.picture().astype(float)

    yield picture
    camera.appearance = Appearance()


def cheek(picture: np.ndarray, side: float) -> float:
    """Mean grey of a cheek; side -1 right, 1 left."""
    middle = round(WIDTH / 2 + side * 24)
    return float(picture[120:150, middle - 5 : middle + 5].mean())


def test_unless_told_otherwise_the_head_is_straight_in_the_usual_light(look):
    plain = look()
    look(brightness=0.7, light_deg=40.0, yaw_deg=10.0, pitch_deg=-5.0, roll_deg=5.0, noise=5.0)
    straight = look(brightness=1.0, light_deg=0.0, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, noise=0.0)
    assert np.array_equal(straight, plain)


def test_brightness_and_the_main_light_are_seen(look):
    plain = look()
    assert cheek(look(brightness=0.6), 1) < 0.75 * cheek(plain, 1)
    assert cheek(look(light_deg=60.0), 1) > cheek(plain, 1) + 3
    assert cheek(look(light_deg=60.0), -1) < cheek(plain, -1) - 10


def test_noise_is_as_strong_as_asked_for_and_new_in_every_picture(look):
    plain, noisy, again = look(), look(noise=4.0), look(noise=4.0)
    assert (noisy - plain).std() == pytest.approx(4.0, rel=0.05)
    assert (noisy - plain).mean() == pytest.approx(0.0, abs=0.1)
    assert not np.array_equal(noisy, again)


def test_a_camera_that_is_left_open_says_nothing_at_exit():
    ended = subprocess.run([sys.executable, "-c", LEFT_OPEN], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == ended.stderr == ""
