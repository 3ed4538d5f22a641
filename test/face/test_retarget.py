from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import CANONICAL, REGIONS, robot_landmarks
from lipsync_robot.face.retarget import Retarget, RobotFace, load_static

RANDOM = np.random.default_rng(0)
MOTIONS = RANDOM.normal(0, 0.1, (11, 113, 2))  # cm a motor
STATIC = robot_landmarks(CANONICAL.vertices) * 1.1
HUMAN = CANONICAL.vertices


@pytest.fixture
def face() -> RobotFace:
    commands = RANDOM.random((2000, 11)) - 0.5
    return RobotFace.learned(STATIC + np.einsum("nm,mpx->npx", commands, MOTIONS), STATIC)


def test_a_human_at_rest_is_a_robot_at_rest(face: RobotFace) -> None:
    assert_allclose(Retarget(HUMAN, face)(HUMAN), STATIC, atol=1e-9)


def test_equation_1_where_the_robot_can_follow(face: RobotFace) -> None:
    human = HUMAN.copy()
    displacement = 0.2 * MOTIONS[3]
    from lipsync_robot.face.landmarks import ROBOT

    human[ROBOT, :2] += displacement
    assert_allclose(Retarget(HUMAN, face)(human), STATIC + displacement, atol=1e-6)
    alpha = {region: 0.5 for region in REGIONS}
    assert_allclose(Retarget(HUMAN, face, alpha)(human), STATIC + 0.5 * displacement, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(scale=st.floats(0, 1000), seed=st.integers(0, 100))
def test_whatever_is_asked_for_stays_within_reach(scale: float, seed: int) -> None:
    commands = np.random.default_rng(0).random((500, 11)) - 0.5
    face = RobotFace.learned(STATIC + np.einsum("nm,mpx->npx", commands, MOTIONS), STATIC)
    absurd = HUMAN + scale * np.random.default_rng(seed).normal(size=(468, 3))
    along = face.motions @ (Retarget(HUMAN, face)(absurd) - face.static).ravel()
    assert (along <= face.high + 1e-6).all()
    assert (along >= face.low - 1e-6).all()


def test_a_saved_face_is_the_same_face(face: RobotFace, tmp_path: Path) -> None:
    face.save(tmp_path / "face.npz")
    human = HUMAN + RANDOM.normal(0, 0.1, (468, 3))
    assert_allclose(Retarget(HUMAN, RobotFace.load(tmp_path / "face.npz"))(human), Retarget(HUMAN, face)(human))


def test_a_static_face_of_another_shape_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "face.npy", np.zeros((478, 3)))
    with pytest.raises(BadInputError, match=r"\(478, 3\), not 468"):
        load_static(tmp_path / "face.npy")
