import pytest

from lipsync_robot.motors.statistics import Punctuality


def test_ages_count_from_the_stamp_and_a_pose_counts_once() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    for i in range(100):
        stamp = i * 0.02
        punctuality.arrived(stamp, stamp + 0.065)
        punctuality.sent(stamp, stamp + 0.08, stamp + 0.085)
        punctuality.sent(stamp, stamp + 0.08, stamp + 0.095)  # the same pose, a tick later
    summary = punctuality.summary()
    assert summary["poses"] == 100
    assert summary["ready_p50_ms"] == pytest.approx(65)
    assert summary["wire_p99_ms"] == pytest.approx(85)
    assert (summary["late"], punctuality.missed(pending=0)) == (0, 0)


def test_a_pose_sent_after_its_deadline_is_missed() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    punctuality.arrived(1.0, 1.07)
    punctuality.sent(1.0, due=1.08, now=1.12)
    assert punctuality.missed(pending=0) == 1


def test_a_pose_that_was_never_sent_is_missed_unless_its_time_is_yet_to_come() -> None:
    punctuality = Punctuality(deadline_s=0.01)
    for stamp in (1.0, 1.02, 1.04):
        punctuality.arrived(stamp, stamp + 0.07)
    punctuality.sent(1.0, due=1.08, now=1.08)
    assert punctuality.missed(pending=1) == 1
