"""The twin as seen: FaceMesh takes it for a face and sees it speak. Slow: renders in software."""

import numpy as np
import pytest

from lipsync_robot.face.landmarks import POINTS, aperture
from lipsync_robot.face.metric import metric_face
from lipsync_robot.twin.rig import MOTORS, NEUTRAL
from lipsync_robot.twin.simulation import FaceSimulation

WIDTH, HEIGHT = 320, 240


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
