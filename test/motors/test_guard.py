import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lipsync_robot.motors.guard import EASE_S, HOLD_S, LONGEST_STEP_S, Guard

NEUTRAL = np.array([0.5, 0.0, 0.3])
MAX_SPEED = np.array([6.0, 2.0, 10.0])
ANYTHING = arrays(float, 3, elements=st.floats(allow_nan=True, allow_infinity=True))
ACTS = st.one_of(
    st.tuples(st.just("accept"), ANYTHING),
    st.tuples(st.sampled_from(["emergency_stop", "reset", "home", "nothing"]), st.none()),
)
STEPS = st.lists(st.tuples(ACTS, st.one_of(st.floats(-1, 5), st.floats(0, 0.02))), max_size=80)


@pytest.fixture
def guard() -> Guard:
    return Guard(NEUTRAL, MAX_SPEED, now=0.0)


@given(steps=STEPS, idle_off_s=st.sampled_from([0.0, 0.5]))
def test_no_input_breaks_range_or_speed(steps: list, idle_off_s: float) -> None:
    guard, now, before, stopped = Guard(NEUTRAL, MAX_SPEED, 0.0, idle_off_s), 0.0, NEUTRAL, False
    for (act, positions), elapsed in steps:
        if act == "accept":
            assert guard.accept(positions, now) == bool(np.isfinite(positions).all())
        elif act == "reset":
            guard.reset(now)
        elif act != "nothing":
            getattr(guard, act)()
        stopped = act == "emergency_stop" or (stopped and act != "reset")
        now += elapsed
        out = guard.output(now)
        assert np.isfinite(out).all()
        assert ((out >= 0) & (out <= 1)).all()
        fastest = 0.0 if stopped else min(max(0.0, elapsed), LONGEST_STEP_S)
        assert (np.abs(out - before) <= MAX_SPEED * fastest + 1e-9).all()
        assert not guard.idle or np.allclose(out, NEUTRAL, atol=1e-6)  # what goes limp is where it would fall least
        before = out


@pytest.mark.parametrize("bad", [[np.nan, 0, 0], [np.inf, 0, 0], [0.1, 0.2], 0.5, [[0.1, 0.2, 0.3]]])
def test_what_is_not_a_pose_is_refused_and_counted(guard: Guard, bad: list) -> None:
    assert not guard.accept(np.array(bad), now=0.0)
    assert guard.rejected == 1
    assert guard.output(1.0) == pytest.approx(NEUTRAL)


def run(guard: Guard, begin: float, end: float, asked: np.ndarray | None = None) -> np.ndarray:
    """Lets time pass in ticks of 10 ms, asking for a pose at each if one is given -> the last output."""
    for now in np.arange(begin, end + 1e-9, 0.01):
        if asked is not None:
            guard.accept(asked, now)
        out = guard.output(now)
    return out


def test_a_motor_that_never_hears_again_goes_home(guard: Guard) -> None:
    run(guard, 0.0, 1.0, np.ones(3))
    assert run(guard, 1.0, 1.0 + HOLD_S) == pytest.approx(np.ones(3))  # holds
    assert not np.allclose(run(guard, 1.0 + HOLD_S, 1.0 + HOLD_S + EASE_S / 2), NEUTRAL, atol=0.05)  # eases, does not snap
    assert run(guard, 1.0 + HOLD_S + EASE_S / 2, 3.0) == pytest.approx(NEUTRAL)


def test_a_late_output_is_no_jump(guard: Guard) -> None:
    guard.accept(np.ones(3), now=0.0)
    assert (np.abs(guard.output(now=0.9) - NEUTRAL) <= MAX_SPEED * LONGEST_STEP_S + 1e-9).all()


def test_motion_goes_on_from_where_the_servos_are_found(guard: Guard) -> None:
    found = np.array([0.9, 0.4, 0.1])
    guard.starts_from(found, now=5.0)
    assert (np.abs(guard.output(now=5.01) - found) <= MAX_SPEED * 0.01 + 1e-9).all()


def test_home_is_at_once_however_fresh_the_command(guard: Guard) -> None:
    run(guard, 0.0, 0.6, np.ones(3))
    guard.home()
    assert run(guard, 0.6, 0.6 + EASE_S + 0.1) == pytest.approx(NEUTRAL)


@given(target=arrays(float, 3, elements=st.floats(0, 1)), moved_s=st.floats(0, 0.2), again_s=st.floats(0, 0.5))
def test_home_is_from_where_the_face_is_and_never_away_from_it(target: np.ndarray, moved_s: float, again_s: float) -> None:
    guard = Guard(NEUTRAL, MAX_SPEED, now=0.0)
    guard.accept(target, now=0.0)
    for now in np.arange(0.0, moved_s, 0.01):  # not as far as the target
        guard.output(now)
    away = np.abs(guard.output(moved_s) - NEUTRAL)
    guard.home()
    for now in moved_s + np.arange(0.01, 1.0, 0.01):
        if abs(now - moved_s - again_s) < 0.005:
            guard.home()  # again: no other way
        before, away = away, np.abs(guard.output(now) - NEUTRAL)
        assert (away <= before + 1e-9).all()
    assert away == pytest.approx(0, abs=1e-6)


def test_whatever_falls_silent_the_face_is_home_within_a_second(guard: Guard) -> None:
    run(guard, 0.0, 2.0, np.array([1.0, 0.7, 1.0]))
    assert run(guard, 2.0, 3.0) == pytest.approx(NEUTRAL)


def test_servos_that_do_not_know_where_they_are_start_from_neutral(guard: Guard) -> None:
    guard.starts_from(np.array([np.nan, 0.4, np.inf]), now=5.0)
    assert guard.output(5.0) == pytest.approx([0.5, 0.4, 0.3])


def test_a_face_at_rest_is_idle_after_its_time_and_no_more_once_it_is_commanded() -> None:
    guard = Guard(NEUTRAL, MAX_SPEED, now=0.0, idle_off_s=3.0)
    guard.accept(np.ones(3), now=0.0)
    run(guard, 0.0, 3.5)
    assert not guard.idle  # at rest, but not for long
    run(guard, 3.5, 4.5)
    assert guard.idle
    guard.accept(NEUTRAL, now=4.5)
    assert not guard.idle


def test_a_face_is_never_idle_where_torque_is_to_stay_or_in_an_emergency_stop(guard: Guard) -> None:
    run(guard, 0.0, 10.0)
    assert not guard.idle
    stopped = Guard(NEUTRAL, MAX_SPEED, now=0.0, idle_off_s=3.0)
    stopped.emergency_stop()
    run(stopped, 0.0, 10.0)
    assert not stopped.idle


def test_an_emergency_stop_latches_until_reset(guard: Guard) -> None:
    guard.accept(np.ones(3), now=0.0)
    frozen = run(guard, 0.0, 0.05)
    guard.emergency_stop()
    guard.accept(np.zeros(3), now=0.1)
    assert run(guard, 0.1, 3.0) == pytest.approx(frozen)
    guard.reset(now=3.0)
    assert guard.output(3.01) == pytest.approx(frozen)  # goes on from where it stood
    assert run(guard, 3.01, 3.6, np.ones(3)) == pytest.approx(np.ones(3))
