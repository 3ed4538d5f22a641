"""Facial action units from landmarks: the twin, whose muscles are known, makes the faces."""

import numpy as np
import pytest

from lipsync_robot.face.action_units import UNITS, action_units
from lipsync_robot.face.metric import aligned
from lipsync_robot.twin import rig

NUMBERS = list(UNITS)


def units(**motors: float) -> dict[int, float]:
    """Intensity by FACS's number, of the twin with some motors away from neutral."""
    positions = rig.NEUTRAL.copy()
    for name, position in motors.items():
        positions[rig.MOTORS.index(name)] = position
    found = action_units(aligned(rig.skinned(positions)), aligned(rig.skinned(rig.NEUTRAL)))
    return dict(zip(NUMBERS, found.tolist(), strict=True))


@pytest.mark.parametrize(
    ("motor", "position", "unit"),
    [
        ("brow_inner", 1.0, 1), ("brow_outer", 1.0, 2), ("brow_inner", 0.0, 4), ("lid_upper", 1.0, 5),
        ("corner_raise", 1.0, 12), ("corner_raise", 0.0, 15), ("corner_stretch", 0.0, 18), ("corner_stretch", 1.0, 20),
        ("lip_roll", 1.0, 24), ("jaw", 1.0, 25), ("jaw", 1.0, 26), ("lid_upper", 0.0, 43),
    ],
)  # fmt: skip
def test_a_muscle_shows_as_its_unit_the_more_the_farther_it_goes(motor: str, position: float, unit: int) -> None:
    neutral = rig.NEUTRAL[rig.MOTORS.index(motor)]
    partway = units(**{motor: 0.7 * neutral + 0.3 * position})[unit]
    assert 0.1 < partway < units(**{motor: position})[unit]
    assert units(**{motor: position})[unit] > 0.6


def test_every_unit_is_shown_by_something_and_a_face_at_rest_shows_none() -> None:
    assert not any(units().values())
    moved = [units(**{motor: end}) for motor in rig.MOTORS for end in (0.0, 1.0)]
    assert all(max(it[number] for it in moved) > 0.6 for number in NUMBERS)


@pytest.mark.parametrize(("motor", "silent"), [("brow_inner", {12, 15, 18, 20, 24, 25, 26}), ("corner_raise", {1, 2, 4, 26})])
def test_the_other_half_of_the_face_shows_nothing(motor: str, silent: set[int]) -> None:
    for end in (0.0, 1.0):
        assert all(value < 0.1 for number, value in units(**{motor: end}).items() if number in silent)


def test_an_opening_jaw_is_no_depressed_corner() -> None:
    assert units(jaw=1.0)[15] < 0.3


def test_many_faces_at_once_are_as_one_by_one() -> None:
    rest = aligned(rig.skinned(rig.NEUTRAL))
    faces = rest + np.random.default_rng(0).normal(0, 0.1, (5, *rest.shape))
    assert np.array_equal(action_units(faces, rest), [action_units(it, rest) for it in faces])
