import pytest

from lipsync_robot.motors.statistics import Punctuality


def test_ages_count_from_the_stamp_and_a_pose_counts_once() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    for i in range(100):
        stamp = i * 0.02
        punctuality.arrived(age_s=0.065)
        punctuality.sent(stamp, age_s=0.085, late_s=0.005)
        punctuality.sent(stamp, age_s=0.095, late_s=0.015)  # the same pose, a tick later
    summary = punctuality.summary()
    assert summary["poses"] == 100
    assert summary["ready_p50_ms"] == pytest.approx(65)
    assert summary["wire_p99_ms"] == pytest.approx(85)
    assert (summary["late"], punctuality.missed(pending=0)) == (0, 0)


def test_poses_count_on_after_the_clock_was_set_back() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    for stamp in (100.0, 100.02, 40.0, 40.02):
        punctuality.arrived(age_s=0.065)
        punctuality.sent(stamp, age_s=0.085, late_s=0.0)
    assert punctuality.missed(pending=0) == 0


def test_a_pose_sent_after_its_deadline_is_missed() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    punctuality.arrived(age_s=0.07)
    punctuality.sent(1.0, age_s=0.12, late_s=0.04)
    assert punctuality.missed(pending=0) == 1


def test_a_pose_that_was_never_sent_is_missed_unless_its_time_is_yet_to_come() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    for _ in range(3):
        punctuality.arrived(age_s=0.07)
    punctuality.sent(1.0, age_s=0.08, late_s=0.0)
    assert punctuality.missed(pending=1) == 1
