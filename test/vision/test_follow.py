"""Of several faces one: the nearest, and then that one."""

import numpy as np

from lipsync_robot.vision.follow import FORGOTTEN_S, Follower


def at(x: float, away: float = 40.0) -> np.ndarray:
    """A face so many cm to the right of the camera's axis, and away from it."""
    return np.array([x, 0.0, -away])


def test_the_nearest_face_is_chosen_and_kept_though_another_comes_nearer() -> None:
    follow = Follower()
    assert follow([at(-20, 60), at(10, 40)], 0.0) == 1
    assert follow([at(-20, 30), at(10, 40)], 0.1) == 1
    assert follow([at(12, 41), at(-20, 30)], 0.2) == 0  # FaceMesh may name them in another order


def test_a_face_that_is_hidden_is_waited_for_and_another_is_not_taken_for_it() -> None:
    follow = Follower()
    assert follow([at(10)], 0.0) == 0
    assert follow([], 0.1) is None
    assert follow([at(-20)], 0.2) is None
    assert follow([at(-20), at(9)], 0.3) == 1


def test_a_face_that_stays_away_is_forgotten() -> None:
    follow = Follower()
    assert follow([at(10)], 0.0) == 0
    assert follow([at(-20)], FORGOTTEN_S - 0.01) is None
    assert follow([at(-20)], FORGOTTEN_S + 0.01) == 0


def test_a_clock_that_jumps_back_begins_anew() -> None:
    follow = Follower()
    assert follow([at(10)], 100.0) == 0
    assert follow([at(-20)], 1.0) == 0
