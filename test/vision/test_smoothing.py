"""A still face is steadied, and a face that moves is not held back."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lipsync_robot.vision.smoothing import FORGOTTEN_S, NEAR_CM, PATIENCE_S, Smoothing

JITTER_CM = 0.03  # FaceMesh's, of a lip


def test_the_jitter_of_a_still_face_is_more_than_halved() -> None:
    random = np.random.default_rng(0)
    steady = Smoothing()
    seen = random.normal(0, JITTER_CM, (200, 468, 3))
    shown = np.array([steady(points, k / 25) for k, points in enumerate(seen)])
    assert shown[50:].std() < seen.std() / 2


def test_a_mouth_that_opens_is_followed_within_two_pictures() -> None:
    steady = Smoothing()
    steady(np.zeros((1, 3)), 0.0)
    opened = np.array([[0.0, -1.0, 0.0]])
    assert steady(opened, 0.04)[0, 1] < -0.98
    assert steady(opened, 0.08)[0, 1] < -0.99


@pytest.mark.parametrize("rate", [12, 25, 60])
def test_what_moves_less_than_jitter_is_reached_in_the_same_time_at_any_rate(rate: int) -> None:
    steady = Smoothing()
    steady(np.zeros((1, 3)), 0.0)
    little = np.array([[0.1 * NEAR_CM, 0.0, 0.0]])
    for k in range(1, round(3 * PATIENCE_S * rate) + 1):
        shown = steady(little, k / rate)
    assert shown[0, 0] == pytest.approx(little[0, 0] * (1 - np.exp(-3)), rel=0.02)


def test_after_a_gap_it_begins_with_what_is_there() -> None:
    steady = Smoothing()
    steady(np.zeros((1, 3)), 0.0)
    near = np.full((1, 3), NEAR_CM / 3)
    assert_array_equal(steady(near, FORGOTTEN_S + 0.01), near)


def test_without_smoothing_all_passes() -> None:
    steady = Smoothing(0.0)
    for k, points in enumerate(np.random.default_rng(0).normal(size=(5, 4, 3))):
        assert_allclose(steady(points, k / 25), points)
    assert_allclose(steady(points, 1.0), points)  # that stays where it is
