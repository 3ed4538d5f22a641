"""Stamps from counts of samples: as steady as the card, as true as the system's clock."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lipsync_robot.audio.clock import SampleClock
from lipsync_robot.audio.mel import SAMPLE_RATE

BEGAN = 1.7e9  # s, as of the epoch
LATE_S = 0.020  # at most, of a callback
SETTLED_S = 5.0


class Card(NamedTuple):
    """What a sound card hands over: blocks, and when the first sample of each really was."""

    counts: np.ndarray
    moments: np.ndarray  # s


def card(seconds: float, ppm: float = 0.0, sizes: tuple[int, int] = (320, 320), seed: int = 0) -> Card:
    """ppm: too fast; sizes: of the smallest and the largest block."""
    counts = np.random.default_rng(seed).integers(sizes[0], sizes[1] + 1, round(2 * seconds * SAMPLE_RATE / sum(sizes)))
    heard = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return Card(counts, BEGAN + heard / (SAMPLE_RATE * (1 + 1e-6 * ppm)))


def stamps(clock: SampleClock, given: Card, late: np.ndarray) -> np.ndarray:
    """(n,) s; late (n,) s: by how much each callback is."""
    known = (given.moments + late).tolist()
    return np.array([clock(count, moment) for count, moment in zip(given.counts.tolist(), known, strict=True)])


def scheduler(blocks: int, seed: int = 0) -> np.ndarray:
    """(blocks,) s by which callbacks come late, as those of a machine that is busy."""
    return np.random.default_rng(seed).uniform(0.0, LATE_S, blocks)


@settings(max_examples=15)
@given(ppm=st.floats(-100, 100), smallest=st.integers(64, 640), largest=st.integers(640, 800), seed=st.integers(0, 99))
@example(ppm=93, smallest=448, largest=666, seed=30)  # few callbacks, and those late by chance
def test_stamps_are_right_to_two_milliseconds_whatever_the_callbacks_do(ppm, smallest, largest, seed) -> None:
    clock, given_out = SampleClock(SAMPLE_RATE), card(120, ppm, (smallest, largest), seed)
    out = stamps(clock, given_out, scheduler(len(given_out.counts), seed))
    assert (np.diff(out) >= 0).all()
    settled = given_out.moments > BEGAN + SETTLED_S
    assert np.percentile(np.abs(out - given_out.moments)[settled], 99) < 0.002
    assert clock.relocks == 0
    assert clock.ppm == pytest.approx(ppm, abs=60)  # half a millisecond in its memory of eight seconds


@pytest.mark.parametrize("ppm", [-100, 100])
def test_ten_hours_do_not_drift(ppm: float) -> None:
    hours = card(36_000, ppm, (640, 640))
    off = stamps(SampleClock(SAMPLE_RATE), hours, scheduler(len(hours.counts))) - hours.moments
    by_hour = [np.median(hour) for hour in np.array_split(off[250:], 10)]
    assert np.ptp(by_hour) < 0.005
    assert np.abs(off[250:]).max() < 0.005


@pytest.mark.parametrize("jump", [0.03, 0.2, 3600.0, -0.03, -0.2, -3600.0])
def test_lost_samples_or_a_clock_that_was_set_are_followed_within_a_second(jump: float) -> None:
    """Lost samples are a jump forward, as is a suspended computer; only a clock is set back."""
    clock, given_out = SampleClock(SAMPLE_RATE), card(60, ppm=50)
    half = given_out.moments > BEGAN + 30
    truth = given_out.moments + jump * half
    off = stamps(clock, given_out._replace(moments=truth), scheduler(len(truth))) - truth
    assert np.abs(off).max() <= abs(jump) + LATE_S
    assert np.abs(off[given_out.moments > BEGAN + 31]).max() < 0.003
    assert np.abs(off[~half][250:]).max() < 0.002
    assert clock.relocks == 1


def test_a_computer_that_hangs_for_seconds_is_no_jump() -> None:
    """The sound went on: what was captured meanwhile comes all at once."""
    clock, given_out = SampleClock(SAMPLE_RATE), card(60)
    hangs = (given_out.moments > BEGAN + 30) & (given_out.moments < BEGAN + 33)
    late = np.where(hangs, BEGAN + 33 - given_out.moments, 0.0)
    off = stamps(clock, given_out, late) - given_out.moments
    assert np.abs(off[250:]).max() < 0.002
    assert clock.relocks == 0


def test_a_card_that_takes_a_second_to_find_its_latency_is_not_believed_for_long() -> None:
    """As PulseAudio's, which begins half a second off."""
    clock, given_out = SampleClock(SAMPLE_RATE), card(30)
    since = given_out.moments - BEGAN
    off = stamps(clock, given_out, np.interp(since, [0.0, 0.4, 1.4], [-0.47, -0.47, 0.0])) - given_out.moments
    assert np.abs(off).max() < 0.5
    assert np.abs(off[since > 3.0]).max() < 0.002
    assert abs(clock.ppm) < 20
    assert clock.relocks == 0
