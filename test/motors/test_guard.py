import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lipsync_robot.motors.guard import EASE_S, HOLD_S, LONGEST_STEP_S, Guard

NEUTRAL = np.array([0.5, 0.0, 0.3])
MAX_SPEED = np.array([6.0, 2.0, 10.0])
ANYTHING = arrays(float, 3, elements=st.floats(allow_nan=True, allow_infinity=True))
STEPS = st.lists(st.tuples(ANYTHING, st.floats(-1, 5), st.booleans()), max_size=60)


@pytest.fixture
def guard() -> Guard:
    return Guard(NEUTRAL, MAX_SPEED, now=0.0)


@given(steps=STEPS)
def test_no_input_breaks_range_or_speed(steps: list) -> None:
    guard, now, before = Guard(NEUTRAL, MAX_SPEED, now=0.0), 0.0, NEUTRAL
    for positions, elapsed, stop in steps:
        guard.accept(positions, now)
        if stop:
            guard.emergency_stop()
        now += elapsed
        out = guard.output(now)
        assert np.isfinite(out).all()
        assert ((out >= 0) & (out <= 1)).all()
        assert (np.abs(out - before) <= MAX_SPEED * min(max(0.0, elapsed), LONGEST_STEP_S) + 1e-9).all()
        before = out


@pytest.mark.parametrize("bad", [[np.nan, 0, 0], [np.inf, 0, 0], [0.1, 0.2], 0.5, [[0.1, 0.2, 0.3]]])
def test_what_is_not_a_pose_is_refused_and_counted(guard: Guard, bad: list) -> None:
    assert not guard.accept(np.array(bad), now=0.0)
    assert guard.rejected == 1
    assert guard.output(1.0) == pytest.approx(NEUTRAL)


def run(guard: Guard, begin: float, end: float) -> np.ndarray:
    for now in np.arange(begin, end + 1e-9, 0.01):
        out = guard.output(now)
    return out


def test_a_motor_that_never_hears_again_goes_home(guard: Guard) -> None:
    guard.accept(np.ones(3), now=0.0)
    assert run(guard, 0.0, HOLD_S) == pytest.approx(np.ones(3))  # holds
    assert not np.allclose(run(guard, HOLD_S, HOLD_S + EASE_S / 2), NEUTRAL, atol=0.05)  # eases, does not snap
    assert run(guard, HOLD_S + EASE_S / 2, HOLD_S + EASE_S + 0.5) == pytest.approx(NEUTRAL)


def test_a_late_output_is_no_jump(guard: Guard) -> None:
    guard.accept(np.ones(3), now=0.0)
    assert (np.abs(guard.output(now=0.9) - NEUTRAL) <= MAX_SPEED * LONGEST_STEP_S + 1e-9).all()


def test_motion_goes_on_from_where_the_servos_are_found(guard: Guard) -> None:
    found = np.array([0.9, 0.4, 0.1])
    guard.starts_from(found, now=5.0)
    assert (np.abs(guard.output(now=5.01) - found) <= MAX_SPEED * 0.01 + 1e-9).all()


def test_home_is_at_once_however_fresh_the_command(guard: Guard) -> None:
    guard.accept(np.ones(3), now=0.0)
    run(guard, 0.0, 0.6)
    guard.home()
    assert run(guard, 0.6, 0.6 + EASE_S + 0.5) == pytest.approx(NEUTRAL)


def test_an_emergency_stop_latches_until_reset(guard: Guard) -> None:
    guard.accept(np.ones(3), now=0.0)
    frozen = run(guard, 0.0, 0.05)
    guard.emergency_stop()
    guard.accept(np.zeros(3), now=0.1)
    assert run(guard, 0.1, 3.0) == pytest.approx(frozen)
    guard.reset(now=3.0)
    assert guard.output(3.01) == pytest.approx(frozen)  # goes on from where it stood
    guard.accept(np.ones(3), now=3.01)
    assert run(guard, 3.01, 3.6) == pytest.approx(np.ones(3))
