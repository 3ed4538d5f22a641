"""What a face can do: the nearest that motors within their range make, held to what makes a point the nearest."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.face.landmarks import REGIONS
from lipsync_robot.face.reach import FARTHEST_CM, SelfModel, of_regions, within

SEEDS = st.integers(0, 2**32 - 1)
MOTORS, MOTIONS = 7, 9
NEUTRAL = np.full(MOTORS, 0.5)
SCALES = st.sampled_from([0.1, 1.0, 5.0, 100.0, 1e6, 1e30])


def straight(seed: int) -> SelfModel:
    """A face that moves in proportion to its motors: far by the first, hardly at all by the last."""
    weight = np.random.default_rng(seed).normal(size=(MOTIONS, MOTORS)) * 3 * 0.7 ** np.arange(MOTORS)
    return SelfModel([(weight, -weight @ NEUTRAL)], NEUTRAL)


def bent(seed: int) -> SelfModel:
    """One whose motors, as in a face, do less near their ends and a little to what the others do."""
    random = np.random.default_rng(seed)
    into = np.concatenate([2 * np.eye(MOTORS), 0.5 * random.normal(size=(5, MOTORS))])
    out = random.normal(size=(MOTIONS, MOTORS + 5)) * np.r_[3 * 0.8 ** np.arange(MOTORS), np.full(5, 0.3)]
    bias = -into @ NEUTRAL
    return SelfModel([(into, bias), (out, np.zeros(MOTIONS))], NEUTRAL)


def wish(seed: int, scale: float) -> np.ndarray:
    return np.random.default_rng([seed, 1]).normal(size=MOTIONS) * scale


def corners() -> np.ndarray:
    """(2^motors, motors): every motor at one of its ends."""
    return np.stack(np.meshgrid(*[[0.0, 1.0]] * MOTORS), -1).reshape(-1, MOTORS)


@settings(max_examples=200)
@given(seed=SEEDS, scale=SCALES)
def test_what_is_found_can_be_made_and_nothing_is_nearer(seed: int, scale: float) -> None:
    """Of what moves straight, the faces that can be made are a convex body, whose corners decide."""
    face, wished = straight(seed), wish(seed, scale)
    found = face.nearest(wished)
    made = np.array([face(commands) for commands in corners()])
    ways = np.random.default_rng(0).normal(size=(500, MOTIONS))
    assert (ways @ found <= (ways @ made.T).max(1) + 1e-6).all()
    if scale < FARTHEST_CM:
        away = wished - found
        assert ((made - found) @ away).max() <= 1e-2 * max(1.0, float(np.linalg.norm(away)))


@settings(max_examples=200)
@given(seed=SEEDS)
def test_what_can_be_made_is_left_alone(seed: int) -> None:
    face = bent(seed)
    made = face(np.random.default_rng(seed).random(MOTORS))
    assert_allclose(face.nearest(made), made, atol=0.02)


@settings(max_examples=200)
@given(seed=SEEDS, scale=SCALES)
@example(seed=47572, scale=1.0)  # on which a search by whole steps swings to and fro, and ends farther away than it was
def test_hardly_a_face_that_can_be_made_is_nearer(seed: int, scale: float) -> None:
    face, wished = bent(seed), wish(seed, scale)
    missed = np.linalg.norm(wished - face.nearest(wished))
    random = np.random.default_rng(seed)
    others = [face(np.clip(random.normal(0.5, 0.6, MOTORS), 0, 1)) for _ in range(300)]
    assert missed <= 1.02 * min(np.linalg.norm(wished - other) for other in others) + 0.02


@settings(max_examples=100)
@given(seed=SEEDS, scale=st.sampled_from([0.3, 3.0, 300.0]), step=st.sampled_from([1e-4, 0.01, 1.0]))
def test_a_wish_that_moves_a_little_moves_the_face_no_further(seed: int, scale: float, step: float) -> None:
    face, wished = straight(seed), wish(seed, scale)
    moved = wished + step * wish(seed + 1, 1.0)
    gone = np.linalg.norm(face.nearest(moved) - face.nearest(wished))
    assert gone <= np.linalg.norm(moved - wished) + 0.01


@settings(max_examples=50)
@given(seed=SEEDS, wishes=st.lists(st.tuples(SEEDS, st.sampled_from([0.1, 2.0, 50.0, np.nan, np.inf, 1e200])), max_size=12))
def test_what_was_asked_for_before_changes_nothing(seed: int, wishes: list[tuple[int, float]]) -> None:
    experienced, wished = straight(seed), wish(seed, 3.0)
    with np.errstate(over="ignore"):
        for other, scale in wishes:
            experienced.nearest(wish(other, scale))
    assert_allclose(experienced.nearest(wished), straight(seed).nearest(wished), atol=0.01)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_has_no_nearest_face_and_is_forgotten(value: float) -> None:
    face, wished = straight(0), np.zeros(MOTIONS)
    before = face.nearest(wished)
    assert np.isnan(face.nearest(np.full(MOTIONS, value))).all()
    assert_allclose(face.nearest(wished), before, atol=1e-6)


@settings(max_examples=300)
@given(seed=SEEDS, size=st.integers(1, 11))
def test_a_sum_of_squares_is_least_within_the_range(seed: int, size: int) -> None:
    """Where its slope is none, or points out of the range: of a convex sum nothing is less."""
    random = np.random.default_rng(seed)
    root, along = random.normal(size=(size + 3, size)), random.normal(size=size) * 5
    square = root.T @ root
    x = within(square, along, random.choice([0.0, 0.3, 1.0], size))
    slope = square @ x - along
    assert x.min() >= 0
    assert x.max() <= 1
    assert (slope[x < 1] >= -1e-6).all()
    assert (slope[x > 0] <= 1e-6).all()


def test_motors_that_do_the_same_share_it_and_one_that_does_nothing_stays() -> None:
    weight = np.zeros((MOTIONS, MOTORS))
    weight[0, :2] = 1.0
    face = SelfModel([(weight, -weight @ NEUTRAL)], NEUTRAL)
    assert_allclose(face.nearest(np.eye(MOTIONS)[0]), np.eye(MOTIONS)[0], atol=0.01)
    assert_allclose(face.nearest(np.eye(MOTIONS)[1]), 0, atol=0.01)


def test_a_regions_reach_is_how_far_its_points_go_on_the_whole() -> None:
    static = np.zeros((113, 2))
    faces = np.zeros((101, 113, 2))
    faces[:, REGIONS["brows"], 1] = np.linspace(0, 1, 101)[:, None]
    reach = dict(zip(REGIONS, of_regions(faces, static), strict=True))
    assert reach == pytest.approx({"mouth": 0, "eyes": 0, "brows": 0.98, "jaw": 0})
