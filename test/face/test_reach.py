"""The hull of what a face can do: nearest points by Wolfe's algorithm, held to what makes a point the nearest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.face.landmarks import REGIONS
from lipsync_robot.face.reach import FARTHEST, Hull, of_regions, outermost

SEEDS = st.integers(0, 2**32 - 1)


def cloud(seed: int, count: int = 200, ways: int = 6) -> np.ndarray:
    """Points as faces lie: far along the first ways, hardly at all along the last."""
    return np.random.default_rng(seed).normal(size=(count, ways)) * 4 * 0.5 ** np.arange(ways)


def wish(seed: int, scale: float, ways: int = 6) -> np.ndarray:
    return np.random.default_rng([seed, 1]).normal(size=ways) * scale


def is_nearest(found: np.ndarray, wished: np.ndarray, vertices: np.ndarray) -> bool:
    """No vertex lies on the near side of the plane through found, square to the way there: the mark of a nearest point."""
    away = wished - found
    beyond = (vertices - found) @ away
    return bool(beyond.max() <= 1e-6 * max(1.0, float(np.linalg.norm(away))))


def inside(found: np.ndarray, vertices: np.ndarray) -> bool:
    """Whether it is a convex combination of the vertices: no direction in which it lies further than all of them."""
    ways = np.random.default_rng(0).normal(size=(2000, vertices.shape[1]))
    return bool((ways @ found <= (ways @ vertices.T).max(1) + 1e-6).all())


@settings(max_examples=200, deadline=None)
@given(seed=SEEDS, scale=st.sampled_from([0.1, 1.0, 5.0, 100.0, 1e6, 1e30]), count=st.integers(1, 60))
def test_what_is_found_is_in_the_hull_and_nothing_is_nearer(seed: int, scale: float, count: int) -> None:
    vertices, wished = cloud(seed, count), wish(seed, scale)
    found = Hull(vertices).nearest(wished)
    assert inside(found, vertices)
    if scale < FARTHEST:
        assert is_nearest(found, wished, vertices)
        assert np.linalg.norm(wished - found) <= np.linalg.norm(wished - vertices, axis=1).min() + 1e-9


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, scale=st.floats(0, 1000))
def test_what_was_found_is_found_again(seed: int, scale: float) -> None:
    hull = Hull(cloud(seed))
    found = hull.nearest(wish(seed, scale))
    assert_allclose(hull.nearest(found), found, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_what_can_be_done_is_left_alone(seed: int) -> None:
    vertices = cloud(seed)
    mixture = np.random.default_rng(seed).dirichlet(np.full(len(vertices), 0.1)) @ vertices
    assert_allclose(Hull(vertices).nearest(mixture), mixture, atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, scale=st.sampled_from([0.3, 3.0, 300.0]), step=st.sampled_from([1e-4, 0.01, 1.0]))
def test_a_wish_that_moves_a_little_moves_the_face_no_further(seed: int, scale: float, step: float) -> None:
    hull, wished = Hull(cloud(seed)), wish(seed, scale)
    moved = wished + step * wish(seed + 1, 1.0)
    gone = np.linalg.norm(hull.nearest(moved) - hull.nearest(wished))
    assert gone <= np.linalg.norm(moved - wished) + 1e-5


@settings(max_examples=50, deadline=None)
@given(seed=SEEDS, wishes=st.lists(st.tuples(SEEDS, st.sampled_from([0.1, 2.0, 50.0, np.nan, np.inf, 1e200])), max_size=12))
def test_what_was_asked_for_before_changes_nothing(seed: int, wishes: list[tuple[int, float]]) -> None:
    vertices, wished = cloud(seed), wish(seed, 3.0)
    experienced = Hull(vertices)
    for other, scale in wishes:
        experienced.nearest(wish(other, scale))
    assert_allclose(experienced.nearest(wished), Hull(vertices).nearest(wished), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_has_no_nearest_face(value: float) -> None:
    wished = np.zeros(6)
    wished[2] = value
    assert np.isnan(Hull(cloud(0)).nearest(wished)).all()


def test_one_face_twice_and_faces_in_a_row_are_hulls_too() -> None:
    assert_allclose(Hull(np.ones((1, 3))).nearest(np.zeros(3)), np.ones(3))
    assert_allclose(Hull(np.ones((5, 3))).nearest(np.zeros(3)), np.ones(3))
    row = np.linspace(0, 1, 9)[:, None] * np.array([1.0, 0.0])
    assert_allclose(Hull(row).nearest(np.array([0.4, 3.0])), [0.4, 0], atol=1e-6)


def test_the_outermost_points_span_nearly_all_that_was_seen() -> None:
    points = cloud(0, 5000, 8)
    few = outermost(points)
    assert len(few) < 0.4 * len(points)
    hull = Hull(few)
    missed = [np.linalg.norm(hull.nearest(point) - point) for point in points[:300]]
    assert np.mean(missed) < 0.02 * np.linalg.norm(points, axis=1).mean()


def test_a_regions_reach_is_how_far_its_points_go_on_the_whole() -> None:
    static = np.zeros((113, 2))
    faces = np.zeros((101, 113, 2))
    faces[:, REGIONS["brows"], 1] = np.linspace(0, 1, 101)[:, None]
    reach = dict(zip(REGIONS, of_regions(faces, static), strict=True))
    assert reach == pytest.approx({"mouth": 0, "eyes": 0, "brows": 0.98, "jaw": 0})
