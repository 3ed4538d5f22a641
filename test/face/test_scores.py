import numpy as np
import pytest

from lipsync_robot.face import scores
from lipsync_robot.face.landmarks import CANONICAL, EYE_RIGHT

RATE = 25
TIME = np.arange(0, 8, 1 / RATE)
OPENING = np.clip(np.sin(2 * np.pi * 1.5 * TIME) + 0.4 * np.sin(2 * np.pi * 3.7 * TIME), 0, None)
SPEECH = np.ones(len(TIME), bool)


@pytest.mark.parametrize("late_s", [-0.12, 0.0, 0.04, 0.16])
def test_the_lag_of_a_shifted_series_is_its_shift(late_s: float) -> None:
    shifted = np.interp(TIME - late_s, TIME, OPENING)
    found = scores.lag(shifted, OPENING, RATE)
    assert found.seconds == pytest.approx(late_s, abs=0.011)
    assert found.correlation > 0.98


def test_a_face_that_never_moves_has_no_correlation_and_no_lag() -> None:
    still = np.full(len(OPENING), 0.1, np.float32)
    assert scores.correlation(still, OPENING) == 0
    assert scores.lag(still, OPENING, RATE) == (0, 0)


def test_each_stretch_has_a_lag_of_its_own_and_one_without_agreement_has_none() -> None:
    moments = np.arange(0.0, 30.0, 0.02)
    leader = np.interp(moments, np.arange(0.0, 31.0, 0.1), np.random.default_rng(0).uniform(0, 1, 310))
    late = np.select([moments < 10, moments < 20], [0.03, 0.06], 0.0)
    follower = np.where(moments < 20, np.interp(moments - late, moments, leader), 0.5)
    uneven = moments[::2] + 0.005  # what follows is seen half as often, at other moments
    seen = scores.Series(uneven, np.interp(uneven, moments, follower))
    found = scores.lags(seen, scores.Series(moments, leader), 5.0)
    assert [moment for moment, _ in found] == pytest.approx([2.5, 7.5, 12.5, 17.5], abs=0.01)
    assert [lag.seconds for _, lag in found] == pytest.approx([0.03, 0.03, 0.06, 0.06], abs=0.003)


def test_jerk_is_the_third_derivative() -> None:
    assert scores.jerk(TIME**3, RATE) == pytest.approx(6)


def test_positions_and_velocities_are_mean_distances() -> None:
    still = np.zeros((10, 468, 3))
    moved = still + np.array([0.3, 0.4, 0.0])
    assert scores.position_error(moved, still) == pytest.approx(0.5)
    assert scores.velocity_error(moved, still) == 0


def test_areas_by_the_shoelace() -> None:
    square = np.zeros((468, 3))
    square[[1, 2, 3, 4], :2] = [[0, 0], [2, 0], [2, 2], [0, 2]]
    assert scores.area(square, [1, 2, 3, 4]) == 4
    assert 0.5 < scores.area(CANONICAL.vertices, EYE_RIGHT) < 4  # cm², an eye


def test_a_perfect_prediction_recalls_every_closure() -> None:
    met = scores.closures(OPENING, OPENING, SPEECH)
    assert met.true >= 8
    assert met.recall == met.precision == 1
    assert met.false_alarm_rate == 0


def test_closures_are_counted_one_by_one() -> None:
    true, predicted = np.ones(60), np.ones(60)
    true[[10, 20, 30]] = 0.0
    predicted[[10, 21, 40]] = 0.0  # met, met a frame late, missed, invented
    met = scores.closures(predicted, true, np.ones(60, bool))
    assert met == scores.Closures(recalled=2, true=3, confirmed=2, predicted=3, false_alarms=2, open=53)


def test_a_mouth_that_never_closes_recalls_none() -> None:
    met = scores.closures(OPENING + 2, OPENING, SPEECH)
    assert (met.recall, met.predicted) == (0, 0)


def test_a_mouth_that_stays_shut_is_all_false_alarms() -> None:
    shut = np.zeros(len(TIME))
    shut[::10] = 1.0  # now and then open, so that it has a scale
    assert scores.closures(shut, OPENING, SPEECH).false_alarm_rate > 0.8
