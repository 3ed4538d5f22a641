import numpy as np
import pytest

from lipsync_robot.face.landmarks import CANONICAL, UPPER_LID_LEFT, UPPER_LID_RIGHT
from lipsync_robot.face.scores import eye_area
from lipsync_robot.speech.blink import Blinks

MOMENTS = np.arange(0, 600, 0.02)


def test_about_one_blink_in_five_seconds() -> None:
    blinks = Blinks(seed=0)
    area = np.array([eye_area(blinks(CANONICAL.vertices, moment)) for moment in MOMENTS])
    closed = area < 0.1 * area.max()
    count = np.count_nonzero(np.diff(closed.astype(int)) == 1)
    assert 600 / count == pytest.approx(5.0, rel=0.25)
    assert area.max() == pytest.approx(eye_area(CANONICAL.vertices))


def test_a_blink_moves_the_upper_lids_only() -> None:
    blinks = Blinks(seed=0)
    moved = np.zeros(468, bool)
    for moment in MOMENTS[:1000]:
        moved |= (blinks(CANONICAL.vertices, moment) != CANONICAL.vertices).any(axis=1)
    assert set(np.flatnonzero(moved)) == {*UPPER_LID_RIGHT, *UPPER_LID_LEFT}


def test_a_clock_that_is_set_back_ends_no_blinking() -> None:
    blinks = Blinks(seed=0)
    before, after = ([blinks(CANONICAL.vertices, moment) is not CANONICAL.vertices for moment in MOMENTS] for _ in range(2))
    assert sum(before) > 100
    assert sum(after) > 100


def test_the_same_seed_blinks_alike() -> None:
    a, b, c = (Blinks(seed) for seed in (1, 1, 2))
    faces = [[blinks(CANONICAL.vertices, moment).sum() for moment in MOMENTS[:3000]] for blinks in (a, b, c)]
    assert faces[0] == faces[1] != faces[2]
