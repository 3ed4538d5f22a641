"""Sound out at its moment, from a card whose clock is its own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.audio.clock import SampleClock
from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.audio.playback import MOST_PULL, Head, Timeline, between

BLOCK = np.arange(1, 321, dtype=np.int16)  # 20 ms


def test_a_sample_is_heard_at_its_moment() -> None:
    line = Timeline()
    line.add(BLOCK, moment=10.0)
    assert not line.take(160, moment=9.5).any()
    line = Timeline()
    line.add(BLOCK, moment=10.0)
    heard = line.take(1600, moment=9.95)  # 50 ms before: 800 samples of silence come first
    assert not heard[:800].any()
    assert (heard[800:1120] == BLOCK).all()
    assert not heard[1120:].any()


def test_blocks_in_a_row_join_without_a_seam() -> None:
    line = Timeline()
    line.add(BLOCK, moment=10.0)
    line.add(BLOCK, moment=10.02)
    assert (line.take(640, moment=10.0) == np.concatenate([BLOCK, BLOCK])).all()


def test_what_is_called_back_is_not_heard_and_what_follows_is() -> None:
    line = Timeline()
    line.add(np.tile(BLOCK, 10), moment=10.0)
    line.clear()
    assert not line.take(320, moment=10.0).any()
    line.add(BLOCK, moment=10.04)
    assert (line.take(320, moment=10.04) == BLOCK).all()


def test_what_is_too_late_is_skipped() -> None:
    line = Timeline()
    line.add(np.tile(BLOCK, 10), moment=10.0)
    assert (line.take(320, moment=10.1) == BLOCK).all()


def test_a_hole_is_silent_and_what_waits_is_heard_all_the_same() -> None:
    line = Timeline()
    line.add(BLOCK, moment=10.0)
    line.add(BLOCK, moment=10.12)  # 100 ms were lost
    heard = np.concatenate([line.take(320, moment=10.0 + 0.02 * i) for i in range(8)])
    assert_allclose(heard[:320], BLOCK)
    assert not heard[320:1920].any()
    assert_allclose(heard[1920:2240], BLOCK)
    assert not heard[2240:].any()
    assert line.head.skips == line.gaps == 0


def test_sound_that_comes_too_late_is_counted_and_what_follows_is_in_time() -> None:
    line = Timeline()
    line.add(BLOCK, moment=10.0)
    line.take(640, moment=10.0)
    line.add(BLOCK, moment=10.02)  # its first half has passed unheard
    line.add(BLOCK, moment=10.04)
    assert (line.take(320, moment=10.04) == BLOCK).all()
    assert line.gaps == 1


def test_a_card_that_takes_nothing_costs_no_more_memory_than_half_a_minute() -> None:
    line = Timeline()
    for second in range(60):
        line.add(np.full(SAMPLE_RATE, second, np.int16), moment=second)
    assert (line.take(320, moment=31.0) == 31).all()
    assert not line.take(320, moment=29.0).any()


@pytest.mark.parametrize("ppm", [-100, 100])
def test_ten_hours_on_a_card_that_is_too_fast_or_too_slow(ppm: float) -> None:
    """What is heard is never off its moment by more than 5 ms, and is never cut."""
    late = np.random.default_rng(0).uniform(0.0, 0.005, 36_000 * 5)  # s, of each callback
    clock, head, count = SampleClock(SAMPLE_RATE), Head(), 3200
    true = np.arange(len(late)) * count / SAMPLE_RATE / (1 + 1e-6 * ppm)  # s, when each block is heard
    off = np.empty(len(late))
    for i, (moment, by) in enumerate(zip(true.tolist(), late.tolist(), strict=True)):
        head.move(count, clock(count, moment + by) * SAMPLE_RATE)
        off[i] = head.at - count - moment * SAMPLE_RATE  # what it played, against what should have been heard then
    settled = 50  # blocks, 10 s
    assert np.abs(off[settled:]).max() < 0.005 * SAMPLE_RATE
    assert head.skips == 0


def test_a_line_that_is_pulled_has_no_click() -> None:
    """8 ms off: a tone comes to its moment without a jump, a thousandth too fast until then."""
    hz = 2 * np.pi * 440 / SAMPLE_RATE
    line = Timeline()
    line.add((10_000 * np.sin(hz * np.arange(20 * SAMPLE_RATE))).astype(np.int16), moment=0.0)
    moments = 1.0 + 0.02 * np.arange(800) + np.where(np.arange(800) < 50, 0.0, 0.008)
    heard = np.concatenate([line.take(320, moment) for moment in moments.tolist()]).astype(float)
    steepest = 10_000 * hz * (1 + MOST_PULL)
    assert np.abs(np.diff(heard)).max() < steepest + 2  # int16 is rounded twice
    assert line.head.skips == 0
    end = (moments[-50:, None] + np.arange(320) / SAMPLE_RATE).ravel()
    assert_allclose(heard[-16_000:], 10_000 * np.sin(hz * SAMPLE_RATE * end), atol=50)


@pytest.mark.parametrize("hz", [100, 1000, 4000, 5500])
def test_between_samples_is_what_the_microphone_would_have_heard(hz: float) -> None:
    moments = np.arange(2000)
    tone = 10_000 * np.sin(2 * np.pi * hz * moments / SAMPLE_RATE)
    places = np.linspace(100.0, 1900.0, 777)
    truth = 10_000 * np.sin(2 * np.pi * hz * places / SAMPLE_RATE)
    assert np.abs(between(np.rint(tone).astype(np.int16), places) - truth).max() < 10_000 * 0.01  # -40 dB


def test_a_whole_place_is_the_sample_itself(speech: np.ndarray) -> None:
    samples = (speech[:4000] * 32_767).astype(np.int16)
    assert (between(samples, np.arange(4000.0)) == samples).all()
    assert not between(samples, np.arange(4100.0, 4200.0)).any()
