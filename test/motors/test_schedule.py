import numpy as np
import pytest

from lipsync_robot.motors.schedule import Pose, Schedule


def pose(due: float, value: float, lifetime: float = 1.0) -> Pose:
    return Pose(due, due + lifetime, stamp=due, positions=np.array([value]))


def test_a_pose_waits_for_its_moment() -> None:
    schedule = Schedule()
    schedule.add(pose(2.0, 1.0))
    assert schedule.at(1.99) is None
    assert schedule.at(2.0).positions == [1.0]


def test_between_poses_the_target_moves_in_a_straight_line() -> None:
    schedule = Schedule()
    schedule.add(pose(1.1, 1.0))  # in whatever order they come
    schedule.add(pose(1.0, 0.0))
    assert schedule.at(1.025).positions == pytest.approx([0.25])
    assert schedule.at(1.075).positions == pytest.approx([0.75])


def test_what_has_expired_is_not_sent() -> None:
    schedule = Schedule()
    schedule.add(pose(1.0, 1.0, lifetime=0.25))
    assert schedule.at(1.2) is not None
    assert schedule.at(1.3) is None


def test_stop_voids_everything_pending() -> None:
    schedule = Schedule()
    for due in (1.0, 2.0, 3.0):
        schedule.add(pose(due, 1.0))
    schedule.clear()
    assert schedule.at(2.5) is None


def test_a_second_pose_for_a_moment_replaces_the_first() -> None:
    schedule = Schedule()
    schedule.add(pose(1.0, 0.2))
    schedule.add(pose(1.0, 0.8))
    assert schedule.at(1.0).positions == [0.8]
