import numpy as np
import pytest

from lipsync_robot.motors.schedule import CLEAR_S, Pose, Schedule


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


def test_who_looks_again_when_told_meets_every_pose_just_when_it_is_due() -> None:
    schedule, longest, shortest = Schedule(), 0.010, 0.002
    for i in range(200):
        schedule.add(pose(1.0 + 0.020 * i + 0.0001 * (-1) ** i, i))  # clocks that are corrected
    now, late = 0.987, []
    while len(schedule) > 1:
        met = schedule.at(now)
        if met is not None:
            late.append(now - met.due)
        pause = schedule.pause(now, shortest, longest)
        assert shortest <= pause <= longest
        now += pause
    whole = [each for each in late if each < longest / 2]  # the others are between two poses
    assert len(whole) >= 198
    assert max(whole[1:]) == pytest.approx(CLEAR_S, abs=0.0002)


def test_without_a_pose_to_come_it_looks_again_as_late_as_it_may() -> None:
    schedule = Schedule()
    assert schedule.pause(1.0, 0.002, 0.010) == pytest.approx(0.010)
    schedule.add(pose(1.0, 0.0))
    assert schedule.pause(1.0, 0.002, 0.010) == pytest.approx(0.010)
