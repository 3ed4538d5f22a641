"""Sound in real time: every block once and in order, whatever happens to the clock."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsync_robot.audio.pacing import EARLY_S, HELD_UP_S, HOP_S, Pace


def spoken(pace: Pace, begin: float, seconds: float) -> np.ndarray:
    """The moments of the blocks that are due while the clock goes on from begin (s)."""
    return np.array([moment for now in np.arange(begin, begin + seconds, HOP_S / 2) for moment in pace.due(now)])


@given(st.lists(st.floats(0, HELD_UP_S - 0.001), max_size=30))
def test_every_block_is_due_once_when_its_last_sample_was_spoken(waits: list[float]) -> None:
    pace, now, moments = Pace(), 100.0, []
    pace.start(now)
    for wait in waits:
        now += wait
        moments += [(moment, now) for moment in pace.due(now)]
    assert [moment for moment, _ in moments] == pytest.approx([100 - EARLY_S + i * HOP_S for i in range(len(moments))])
    assert all(moment + HOP_S <= told + 1e-9 for moment, told in moments)
    assert pace.next is not None and now < pace.next + HOP_S + 1e-9
    pace.stop()
    assert list(pace.due(now + 10)) == []


@pytest.mark.parametrize("jump", [-3600.0, -1.007, 0.493, 60.001])
def test_a_clock_that_is_set_neither_stops_speech_nor_hurries_it(jump: float) -> None:
    pace = Pace()
    pace.start(100.0)
    before = spoken(pace, 100.0, 1.0)
    moments = spoken(pace, 101.0 + jump, 1.0)
    assert len(moments) == pytest.approx(1.0 / HOP_S, abs=2)
    assert moments[0] == pytest.approx(101.0 + jump, abs=2 * HOP_S)
    hops = (moments - before[0]) / HOP_S
    assert hops == pytest.approx(hops.round(), abs=1e-6)  # what a sound's motion is stamped with stays in one rhythm
