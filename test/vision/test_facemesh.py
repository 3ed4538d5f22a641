"""FaceMesh on real pictures: of the twin, and of people where the project's data lies beside the checkout."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.face.landmarks import CANONICAL, aperture
from lipsync_robot.twin import rig
from lipsync_robot.twin.appearance import Appearance
from lipsync_robot.twin.camera import Camera
from lipsync_robot.twin.faces import FACES
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision import video
from lipsync_robot.vision.facemesh import FaceMesh

LOOKS = 3  # it follows a face from picture to picture: a new expression takes it a few
PEOPLE = Path(__file__).parents[3] / "shared/data/talking/video"


def test_sees_the_twin_as_it_is() -> None:
    simulation = FaceSimulation()
    camera, mesh = Camera(simulation), FaceMesh()
    face = mesh(camera.picture())
    assert face is not None
    assert np.linalg.norm(face.points - simulation.landmarks(), axis=1).mean() < 0.5  # cm
    mesh.close()
    camera.close()


@pytest.mark.parametrize("name", FACES)
def test_finds_each_face_of_the_twin_however_it_looks_and_sees_its_mouth_open(name: str) -> None:
    generator = np.random.default_rng(7)
    simulation = FaceSimulation(noise=0.005, face=name)
    camera, mesh = Camera(simulation, 320, 240), FaceMesh()
    exact, seen = [], []
    for _ in range(120):
        simulation.place(np.where(generator.random(11) < 0.2, rig.NEUTRAL, generator.random(11)))
        camera.appearance = Appearance.random(generator)
        picture = camera.picture()
        face = [mesh(picture) for _ in range(LOOKS)][-1]
        assert face is not None, f"{simulation.positions} {camera.appearance}"
        exact.append(aperture(simulation.landmarks()))
        seen.append(aperture(face.points))
    assert np.corrcoef(exact, seen)[0, 1] > 0.9
    mesh.close()
    camera.close()


def test_sees_the_twins_head_turn() -> None:
    """About as far: FaceMesh takes every picture for one of a wide-angle camera, which this one is not."""
    camera, mesh = Camera(FaceSimulation(), 320, 240), FaceMesh()
    for angles in ((0, 0, 0), (15, 0, 0), (-15, 0, 0), (0, 10, 0), (0, -10, 0), (0, 0, 8), (0, 0, -8), (12, 8, -6)):
        camera.appearance = Appearance(yaw_deg=angles[0], pitch_deg=angles[1], roll_deg=angles[2])
        face = [mesh(camera.picture()) for _ in range(LOOKS)][-1]
        assert face is not None
        turn = face.pose[:3, :3] / np.cbrt(np.linalg.det(face.pose[:3, :3]))
        yaw, pitch, roll = np.arctan2(-turn[2, 0], turn[2, 2]), np.arcsin(-turn[2, 1]), np.arctan2(turn[0, 1], turn[1, 1])
        assert np.degrees([yaw, pitch, roll]) == pytest.approx(np.array(angles), abs=5)
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
