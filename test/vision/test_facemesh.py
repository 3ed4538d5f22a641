"""FaceMesh on real pictures: of the twin, and of people where the project's data lies beside the checkout."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.face.landmarks import CANONICAL, aperture
from lipsync_robot.twin.camera import Camera
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision import video
from lipsync_robot.vision.facemesh import FaceMesh

PEOPLE = Path(__file__).parents[3] / "shared/data/talking/video"


def test_sees_the_twin_as_it_is() -> None:
    simulation = FaceSimulation()
    camera, mesh = Camera(simulation), FaceMesh()
    face = mesh(camera.picture())
    assert face is not None
    assert np.linalg.norm(face.points - simulation.landmarks(), axis=1).mean() < 0.5  # cm
    mesh.close()
    camera.close()


def test_finds_no_face_where_there_is_none() -> None:
    mesh = FaceMesh()
    assert mesh(np.full((240, 320, 3), 128, np.uint8)) is None
    mesh.close()


@pytest.mark.skipif(not PEOPLE.exists(), reason="the GRID clips are not beside this checkout")
def test_follows_a_person_who_speaks() -> None:
    mesh = FaceMesh()
    clip = sorted((PEOPLE / "s2").glob("*.mp4"))[0]
    faces = [mesh(picture) for _, picture in video.frames(clip)]
    points = np.array([face.points for face in faces if face is not None])
    assert len(points) == len(faces) == 75
    assert np.linalg.norm(points.mean(0) - CANONICAL.vertices, axis=1).mean() < 1.0  # cm
    assert np.ptp(aperture(points)) > 0.4  # cm: the mouth moves
    mesh.close()
