"""The other face: another person's proportions, and nothing torn or folded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import aperture
from lipsync_robot.face.metric import aligned
from lipsync_robot.twin import faces, geometry
from lipsync_robot.twin.geometry import TO_OTHER_SIDE
from lipsync_robot.twin.rig import MOTORS, NEUTRAL, skinned
from lipsync_robot.twin.simulation import FaceSimulation

BOX = np.array([[-17.0, -19.0, -14.0], [17.0, 13.0, 10.0]])  # cm, around skin, shell, neck and collar
STEP = 1e-4  # cm
PROPORTIONS = {  # pairs of points
    "width of the jaw": (172, 397),
    "from nose to chin": (2, 152),
    "width of the nose": (48, 278),
    "width of the mouth": (61, 291),
    "height of the lips": (0, 17),
    "width of an eye": (33, 133),
    "between the eyes": (133, 362),
    "from eye to brow": (159, 105),
}

OTHERS = [name for name in faces.FACES if name != "canonical"]
anywhere = arrays(float, (20, 3), elements=floats(-20, 20))


def test_the_canonical_face_is_not_touched() -> None:
    points = skinned(NEUTRAL)
    assert faces.named("canonical").warp(points) is points


def test_the_box_holds_all_that_is_drawn() -> None:
    parts = (geometry.skull(), geometry.trim(), geometry.ear(-1.0), geometry.ear(1.0), geometry.neck(), geometry.collar())
    drawn = np.concatenate([skinned(NEUTRAL), skinned(np.ones(11)), *(part.vertices for part in parts)])
    assert (drawn > BOX[0]).all()
    assert (drawn < BOX[1]).all()


@pytest.mark.parametrize("name", OTHERS)
def test_space_is_nowhere_folded(name: str) -> None:
    warp = faces.named(name).warp
    axes = [np.arange(low, high, 0.5) for low, high in BOX.T]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    slopes = [(warp(points + STEP * axis) - warp(points - STEP * axis)) / (2 * STEP) for axis in np.eye(3)]
    assert np.linalg.det(np.stack(slopes, axis=-1)).min() > 0.3


@pytest.mark.parametrize("name", OTHERS)
@given(points=anywhere)
def test_left_and_right_are_alike(name: str, points: np.ndarray) -> None:
    warp = faces.named(name).warp
    np.testing.assert_allclose(warp(points * TO_OTHER_SIDE), warp(points) * TO_OTHER_SIDE, atol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("proportion", PROPORTIONS)
def test_it_differs_as_one_person_does_from_another(name: str, proportion: str) -> None:
    def length(face: np.ndarray) -> float:
        start, end = PROPORTIONS[proportion]
        return float(np.linalg.norm(face[start] - face[end]))

    ours, canonical = FaceSimulation(face=name).landmarks(), FaceSimulation().landmarks()
    assert 0.05 < abs(length(ours) / length(canonical) - 1) < 0.20


@pytest.mark.parametrize("name", OTHERS)
def test_its_lips_meet_and_part_with_the_canonical_ones(name: str) -> None:
    simulation, canonical = FaceSimulation(face=name), FaceSimulation()
    for jaw in np.linspace(0, 1, 11):
        for roll in (0.0, 1.0):
            command = NEUTRAL.copy()
            command[[MOTORS.index("jaw"), MOTORS.index("lip_roll")]] = jaw, roll
            simulation.place(command)
            canonical.place(command)
            ours, theirs = aperture(simulation.landmarks()), aperture(canonical.landmarks())
            assert (ours < 1e-6) == (theirs < 1e-6)
            assert ours == pytest.approx(theirs, rel=0.25)


def test_landmarks_are_those_of_the_face_that_it_wears() -> None:
    other = faces.named("other")
    np.testing.assert_array_equal(FaceSimulation(face="other").landmarks(), aligned(other.warp(skinned(NEUTRAL))))


def test_an_unknown_face_is_refused_by_name() -> None:
    with pytest.raises(BadInputError, match=r"no face 'mine'.*canonical, other"):
        FaceSimulation(face="mine")
