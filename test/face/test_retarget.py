from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from straight_face import straight_face

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import CANONICAL, REGIONS, ROBOT, robot_landmarks
from lipsync_robot.face.profile import UNKNOWN, HumanFace
from lipsync_robot.face.retarget import LEAST_ALPHA, MOST_ALPHA, Retarget, RobotFace
from lipsync_robot.resources import resource
from lipsync_robot.twin.faces import named
from lipsync_robot.twin.simulation import landmarks

RANDOM = np.random.default_rng(0)
MOTIONS = RANDOM.normal(0, 0.1, (11, 113, 2))  # cm a motor
STATIC = robot_landmarks(CANONICAL.vertices) * 1.1
NEUTRAL = np.full(11, 0.5)
COMMANDS = RANDOM.random((2000, 11))
BABBLED = STATIC + np.einsum("nm,mpx->npx", COMMANDS - NEUTRAL, MOTIONS)
REST = CANONICAL.vertices
HUMAN = HumanFace(REST, UNKNOWN)


@pytest.fixture(scope="module")
def face() -> RobotFace:
    return straight_face(COMMANDS, BABBLED, STATIC, NEUTRAL)


def moved(displacement: np.ndarray) -> np.ndarray:
    """displacement (113, 2) cm -> a human face (468, 3) that far from rest."""
    human = REST.copy()
    human[ROBOT, :2] += displacement
    return human


def test_a_human_at_rest_is_a_robot_at_rest(face: RobotFace) -> None:
    assert_allclose(Retarget(HUMAN, face)(REST), STATIC, atol=1e-6)


def test_equation_1_where_the_robot_can_follow(face: RobotFace) -> None:
    displacement = 0.1 * MOTIONS[3]
    assert_allclose(Retarget(HUMAN, face)(moved(displacement)), STATIC + displacement, atol=1e-5)
    gain = {region: 0.5 for region in REGIONS}
    assert_allclose(Retarget(HUMAN, face, gain)(moved(displacement)), STATIC + 0.5 * displacement, atol=1e-5)


def test_alpha_is_how_much_further_the_robot_goes_where_both_are_known(face: RobotFace) -> None:
    robot = replace(face, reach=np.array([1.2, 0.3, 0.6, 5.0]))
    human = HumanFace(REST, np.array([0.8, np.nan, 1.5, 0.5]))
    alpha = Retarget(human, robot, {"mouth": 2.0}).alpha
    assert alpha == pytest.approx({"mouth": 1.5, "eyes": 1.0, "brows": LEAST_ALPHA, "jaw": MOST_ALPHA})
    assert Retarget(HumanFace(REST, np.zeros(4)), robot).alpha == dict.fromkeys(REGIONS, 1.0)


def test_a_region_is_moved_by_alpha_times_its_gain(face: RobotFace) -> None:
    robot = replace(face, reach=np.full(4, 0.6))
    human = HumanFace(REST, np.array([1.2, 0.6, 0.6, 0.6]))
    displacement = 0.1 * MOTIONS[3]
    by_region = np.ones((113, 1))
    by_region[REGIONS["mouth"]] = 0.5 * 0.7
    by_region[REGIONS["brows"]] = 1.5
    asked = robot.reachable(STATIC + by_region * displacement)
    assert_allclose(Retarget(human, robot, {"mouth": 0.7, "brows": 1.5})(moved(displacement)), asked, atol=1e-5)


@settings(max_examples=50)
@given(scale=st.floats(0, 1000), seed=st.integers(0, 100))
def test_whatever_is_asked_for_motors_within_their_range_make(face: RobotFace, scale: float, seed: int) -> None:
    absurd = REST + scale * np.random.default_rng(seed).normal(size=(468, 3))
    found = Retarget(HUMAN, face)(absurd)
    made_by, missed, *_ = np.linalg.lstsq(MOTIONS.reshape(11, -1).T, (found - STATIC).ravel(), rcond=None)
    assert missed < 1e-9
    assert np.abs(made_by).max() <= 0.5 + 1e-6


@settings(max_examples=50)
@given(scale=st.sampled_from([0.01, 0.1, 1.0, 100.0]), seed=st.integers(0, 100))
def test_no_babbled_face_is_nearer_to_what_is_asked_for(face: RobotFace, scale: float, seed: int) -> None:
    asked = STATIC + scale * np.random.default_rng(seed).normal(size=(113, 2))
    nearest = np.linalg.norm(asked - face.reachable(asked))
    assert nearest <= np.linalg.norm(asked - BABBLED, axis=(1, 2)).min() + 1e-3


def test_the_twins_face_can_do_all_that_it_was_seen_to_do() -> None:
    """To a tenth of a millimetre or two, and its file is small."""
    path = resource("models/twin_face.npz")
    twin, random = RobotFace.load(path), np.random.default_rng(0)
    made = [robot_landmarks(landmarks(commands, named("canonical"))) for commands in random.random((40, len(twin.neutral)))]
    missed = [np.linalg.norm(twin.reachable(face) - face, axis=1).mean() for face in made]
    assert np.mean(missed) < 0.02
    assert path.stat().st_size < 200_000


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_stays_none_and_is_forgotten(face: RobotFace, value: float) -> None:
    retarget = Retarget(HUMAN, face)
    before = retarget(REST)
    damaged = REST.copy()
    damaged[ROBOT[5]] = value
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(retarget(damaged)).any()
    assert_allclose(retarget(REST), before, atol=1e-6)


def test_a_saved_face_is_the_same_face(face: RobotFace, tmp_path: Path) -> None:
    face.save(tmp_path / "face.npz")
    loaded = RobotFace.load(tmp_path / "face.npz")
    human = REST + RANDOM.normal(0, 0.1, (468, 3))
    assert_allclose(Retarget(HUMAN, loaded)(human), Retarget(HUMAN, face)(human), atol=1e-4)
    assert_allclose(loaded.reach, face.reach, rtol=1e-6)


def test_a_face_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "old.npz", static=STATIC, motions=MOTIONS.reshape(11, -1), low=-np.ones(11), high=np.ones(11))
    with pytest.raises(
        BadInputError,
        match=r"old.npz: holds no reach, neutral, weight0, bias0: .* an earlier version. Learn it: .* train inverse",
    ):
        RobotFace.load(tmp_path / "old.npz")
