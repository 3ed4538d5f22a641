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
