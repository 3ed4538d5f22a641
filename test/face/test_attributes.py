"""What is measured of a face: by hand on the canonical one, and that each follows its own part of a face alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.face.attributes import ATTRIBUTES, attributes
from lipsync_robot.face.landmarks import (
    BROW_LEFT,
    BROW_RIGHT,
    CANONICAL,
    EYE_LEFT,
    EYE_RIGHT,
    LOWER_LIP_OUTER,
    UPPER_LIP_OUTER,
    mouth_width,
    robot_landmarks,
)
from lipsync_robot.face.scores import eye_area

FACE = CANONICAL.vertices


def measured(face: np.ndarray) -> dict[str, float]:
    return dict(zip(ATTRIBUTES, attributes(robot_landmarks(face)).tolist(), strict=True))


def test_the_canonical_face_measured_by_hand() -> None:
    found = measured(FACE)
    assert found["face width"] == pytest.approx(abs(FACE[454, 0] - FACE[234, 0]))
    assert found["mouth width"] == pytest.approx(mouth_width(FACE), abs=1e-6)  # its corners are equally deep
    assert found["eye size"] == pytest.approx(eye_area(FACE))
    assert 11 < found["face height"] < 13
    assert found["jaw width"] < found["face width"]
    assert 0.4 < found["upper lip"] < 1
    assert 3.5 < found["brow length"] < 5
    assert 0 < found["brow curve"] < 1


def test_a_face_twice_as_large_has_twice_of_everything() -> None:
    twice = 2 * attributes(robot_landmarks(FACE))
    twice[ATTRIBUTES.index("eye size")] *= 2
    assert_allclose(attributes(robot_landmarks(2 * FACE)), twice)


def test_a_face_that_lies_elsewhere_or_among_many_is_the_same() -> None:
    alone = attributes(robot_landmarks(FACE))
    assert_allclose(attributes(robot_landmarks(np.array([[FACE], [FACE + 3.0]]))), np.tile(alone, (2, 1, 1)))


UPPER_LIP_OUT = {point: (0, 0.2) for point in UPPER_LIP_OUTER[1:-1]}
LOWER_LIP_OUT = {point: (0, -0.2) for point in LOWER_LIP_OUTER[1:-1]}
JAW_OUT = {172: (-0.3, 0), 397: (0.3, 0)}
BROWS_UP = {point: (0, 0.1) for point in BROW_RIGHT[1:4] + BROW_LEFT[1:4]}  # of their upper edge, the ends left alone
EYES_APART = {point: (-0.2, 0) for point in EYE_RIGHT} | {point: (0.2, 0) for point in EYE_LEFT}


@pytest.mark.parametrize(
    ("moves", "grows"),
    [
        (UPPER_LIP_OUT, {"upper lip": 0.2}),
        (LOWER_LIP_OUT, {"lower lip": 0.2}),
        (JAW_OUT, {"jaw width": 0.6}),
        ({234: (-0.3, 0), 454: (0.3, 0)}, {"face width": 0.6}),
        ({152: (0, -0.5)}, {"face height": 0.5}),
        ({61: (-0.2, 0), 291: (0.2, 0)}, {"mouth width": 0.4}),
        (EYES_APART, {"eye distance": 0.4}),
        (BROWS_UP, {"brow curve": 0.1, "brow thickness": 0.06}),
    ],
    ids=lambda value: "+".join(value) if all(isinstance(key, str) for key in value) else "",
)
def test_an_attribute_grows_with_its_own_part_alone(moves: dict[int, tuple], grows: dict[str, float]) -> None:
    face = FACE.copy()
    for point, move in moves.items():
        face[point, :2] += move
    before, after = measured(FACE), measured(face)
    difference = {name: after[name] - before[name] for name in ATTRIBUTES}
    assert difference == pytest.approx(dict.fromkeys(ATTRIBUTES, 0.0) | grows, abs=0.03)


def test_a_wide_eye_is_a_large_one() -> None:
    face = FACE.copy()
    for ring in (EYE_RIGHT, EYE_LEFT):
        face[ring, 1] += 0.5 * (face[ring, 1] - face[ring, 1].mean())
    assert measured(face)["eye size"] == pytest.approx(1.5 * measured(FACE)["eye size"])
