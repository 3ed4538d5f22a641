"""The linkage: what each motor does to the face, and what no command can do."""

import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats
from numpy.testing import assert_allclose

from lipsync_robot.face.landmarks import UPPER_LID_RIGHT, aperture, mouth_width, robot_landmarks
from lipsync_robot.twin.geometry import (
    LOWER_LID_ROWS,
    LOWER_LIP_ROWS,
    MIRROR,
    TO_OTHER_SIDE,
    UPPER_LID_ROWS,
    UPPER_LIP_ROWS,
)
from lipsync_robot.twin.rig import MOTORS, NEUTRAL, skinned

any_command = arrays(float, len(MOTORS), elements=floats(0, 1))


def pose(**positions: float) -> np.ndarray:
    out = NEUTRAL.copy()
    for motor, position in positions.items():
        out[MOTORS.index(motor)] = position
    return out


def lip_gaps(face: np.ndarray) -> np.ndarray:
    return face[UPPER_LIP_ROWS[3], 1] - face[LOWER_LIP_ROWS[3], 1]


def eye_opening(face: np.ndarray) -> float:
    return float(np.max(face[UPPER_LID_ROWS[0], 1] - face[LOWER_LID_ROWS[0], 1]))


def red_of_lips(face: np.ndarray) -> float:
    """cm from border to border, in the middle, less the gap between the lips."""
    return float(face[0, 1] - face[17, 1] - aperture(face))


def test_at_rest_the_mouth_is_closed():
    assert aperture(skinned(NEUTRAL)) < 1e-6


@given(command=any_command)
@settings(max_examples=300)
def test_lips_never_pass_through_each_other(command):
    assert lip_gaps(skinned(command)).min() >= -1e-9


def test_lips_never_pass_through_each_other_at_any_corner_of_the_command_space():
    corners = (np.arange(2 ** len(MOTORS))[:, None] >> np.arange(len(MOTORS))) & 1
    assert min(lip_gaps(skinned(corner.astype(float))).min() for corner in corners) >= -1e-9


@given(command=any_command)
@settings(max_examples=100)
def test_left_and_right_are_alike(command):
    face = skinned(command)
    assert_allclose(face[MIRROR] * TO_OTHER_SIDE, face, atol=1e-6)


def test_the_jaw_opens_the_mouth_monotonically_to_about_two_and_a_half_centimetres():
    apertures = np.array([aperture(skinned(pose(jaw=jaw))) for jaw in np.linspace(0, 1, 50)])
    assert np.all(np.diff(apertures) >= 0)
    assert 2.2 < apertures[-1] < 2.9


def test_the_upper_lid_alone_closes_the_eye():
    assert eye_opening(skinned(pose(lid_upper=0))) < 1e-3
    assert eye_opening(skinned(pose(lid_upper=1))) > 1.3 * eye_opening(skinned(NEUTRAL))
    assert eye_opening(skinned(pose(lid_lower=1))) < eye_opening(skinned(pose(lid_lower=0)))


@given(command=any_command)
@settings(max_examples=100)
def test_lids_never_pass_through_each_other(command):
    face = skinned(command)
    assert np.all(face[UPPER_LID_ROWS[0], 1] - face[LOWER_LID_ROWS[0], 1] >= -1e-3)


def test_rolling_the_lips_seals_a_small_gap_and_hides_their_red():
    parted = pose(jaw=0.15, lip_upper=0.5)
    sealed = parted.copy()
    sealed[MOTORS.index("lip_roll")] = 1.0
    assert aperture(skinned(parted)) > 0.3
    assert aperture(skinned(sealed)) < 1e-6
    assert red_of_lips(skinned(pose(lip_roll=1))) < 0.7 * red_of_lips(skinned(NEUTRAL))


def test_pouting_pushes_the_lips_forward_and_narrows_the_mouth():
    pout, rest = skinned(pose(lip_protrude=1)), skinned(NEUTRAL)
    assert pout[0, 2] - rest[0, 2] > 0.6
    assert mouth_width(pout) < mouth_width(rest) - 0.3


def test_the_tails_of_the_brows_follow_a_raise():
    tail = 70
    assert skinned(pose(brow_outer=1))[tail, 1] - skinned(pose(brow_outer=0))[tail, 1] > 1.0


def test_every_motor_can_be_told_from_the_others_by_the_robots_landmarks():
    def landmarks(command: np.ndarray) -> np.ndarray:
        return robot_landmarks(skinned(command)).ravel()

    command = np.full(len(MOTORS), 0.5)
    marks = np.array([landmarks(command + nudge) - landmarks(command - nudge) for nudge in 0.05 * np.eye(len(MOTORS))])
    for motor, mark in enumerate(marks):
        others = np.delete(marks, motor, axis=0)
        own = mark - np.linalg.lstsq(others.T, mark, rcond=None)[0] @ others
        assert np.linalg.norm(own) > 0.15 * np.linalg.norm(mark), MOTORS[motor]


def test_the_lids_are_where_facemesh_has_them():
    assert UPPER_LID_ROWS[0].tolist() == UPPER_LID_RIGHT
