"""The twin in time: servos have speed and play, and the exact landmarks need no picture."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.face.metric import aligned
from lipsync_robot.twin import rig
from lipsync_robot.twin.rig import MOTORS, NEUTRAL
from lipsync_robot.twin.simulation import BACKLASH, FaceSimulation

JAW = MOTORS.index("jaw")


@pytest.fixture
def face() -> FaceSimulation:
    return FaceSimulation()


def test_it_starts_at_neutral_and_stays_there(face):
    face.advance(0.5)
    assert_allclose(face.positions, NEUTRAL, atol=1e-3)


def test_a_full_stroke_takes_about_150_ms(face):
    face.place(np.zeros(11))
    face.command(np.ones(11))
    elapsed = 0.0
    while face.positions.min() < 0.95:
        face.advance(0.01)
        elapsed += 0.01
        assert elapsed < 1.0
    assert 0.120 < elapsed < 0.250


def test_servos_arrive_without_overshoot(face):
    goal = NEUTRAL + 0.3
    face.command(goal)
    highest = NEUTRAL
    for _ in range(50):
        face.advance(0.01)
        highest = np.maximum(highest, face.positions)
    assert_allclose(face.positions, goal, atol=BACKLASH + 1e-3)
    assert np.all(highest < goal + 0.02)


def test_backlash_hides_moves_below_one_percent(face):
    face.command(NEUTRAL + 0.8 * BACKLASH)
    face.advance(0.5)
    assert_allclose(face.positions, NEUTRAL, atol=1e-9)
    face.command(NEUTRAL + 0.10)
    face.advance(0.5)
    assert_allclose(face.positions, NEUTRAL + 0.10 - BACKLASH, atol=2e-3)


def test_without_backlash_small_moves_are_seen():
    face = FaceSimulation(backlash=0.0)
    face.command(NEUTRAL + 0.005)
    face.advance(0.5)
    assert_allclose(face.positions, NEUTRAL + 0.005, atol=5e-4)


def test_time_is_kept_however_it_is_cut():
    whole, cut = FaceSimulation(), FaceSimulation()
    for face in (whole, cut):
        face.command(np.full(11, 0.9))
    whole.advance(0.1)
    for _ in range(77):
        cut.advance(0.1 / 77)
    assert_allclose(cut.positions, whole.positions, atol=1e-9)


def test_commands_beyond_the_range_are_clipped(face):
    face.command(np.full(11, 7.0))
    face.advance(1.0)
    assert face.positions.max() <= 1.0


def test_exact_landmarks_at_rest_are_the_rigs(face):
    assert_allclose(face.landmarks(), aligned(rig.skinned(NEUTRAL)), atol=1e-9)


def test_landmarks_follow_the_jaw(face):
    chin = face.landmarks()[152, 1]
    opened = NEUTRAL.copy()
    opened[JAW] = 1.0
    face.command(opened)
    face.advance(0.5)
    assert face.landmarks()[152, 1] < chin - 1.0


def landed(face: FaceSimulation, command: np.ndarray) -> np.ndarray:
    face.command(command)
    face.advance(0.5)
    return face.positions


def test_a_noisy_servo_lands_a_little_off_at_each_new_command_and_stays_there():
    face = FaceSimulation(backlash=0.0, noise=0.005, seed=1)
    goals = np.random.default_rng(0).uniform(0.2, 0.8, (100, 11))
    errors = []
    for goal in goals:
        there = landed(face, goal)
        assert_allclose(landed(face, goal), there, atol=1e-4)  # the same command is no new one
        errors.append(there - goal)
    assert np.std(errors) == pytest.approx(0.005, rel=0.1)
    assert abs(np.mean(errors)) < 0.0006


def test_a_servo_is_as_noisy_as_its_seed_says():
    goal = np.full(11, 0.6)
    one, again, another = (landed(FaceSimulation(noise=0.005, seed=seed), goal) for seed in (1, 1, 2))
    assert_allclose(one, again, atol=0)
    assert np.abs(one - another).max() > 1e-3


def test_only_the_servo_that_is_told_something_new_moves():
    face = FaceSimulation(backlash=0.0, noise=0.005)
    before = landed(face, np.full(11, 0.5))
    command = np.full(11, 0.5)
    command[JAW] = 0.7
    after = landed(face, command)
    assert_allclose(np.delete(after, JAW), np.delete(before, JAW), atol=1e-4)
    assert after[JAW] > 0.65


def test_noise_leaves_no_servo_outside_its_stroke():
    face = FaceSimulation(noise=0.1)
    for end in (0.0, 1.0, 0.0, 1.0):
        there = landed(face, np.full(11, end))
        assert ((there >= 0) & (there <= 1)).all()
        assert_allclose(there, end, atol=0.4)


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_servo_without_torque_stays_where_it_is(noise: float):
    face = FaceSimulation(noise=noise)
    before = landed(face, np.full(11, 0.7))
    for _ in range(10):
        assert_allclose(landed(face, np.full(11, np.nan)), before, atol=1e-9)
