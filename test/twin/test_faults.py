"""A line that misbehaves on demand: each fault does what its name says, and the same seed does the same again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsync_robot.twin.faults import Line

SENT = bytes(np.random.default_rng(1).integers(0, 256, 20_000, np.uint8))
CHUNKS = st.lists(st.binary(max_size=40), max_size=20)


@pytest.fixture
def line() -> Line:
    return Line(seed=0)


@given(chunks=CHUNKS)
def test_a_sound_line_passes_everything_at_once(chunks: list[bytes]) -> None:
    line = Line(seed=0)
    assert [line.to_device(chunk, now=1.0) for chunk in chunks] == chunks
    assert [line.to_host(chunk, now=1.0) for chunk in chunks] == chunks


@given(chunks=CHUNKS, wrong_speed=st.booleans())
def test_any_chunking_is_damaged_the_same(chunks: list[bytes], wrong_speed: bool) -> None:
    whole, cut = Line(seed=3), Line(seed=3)
    for line in (whole, cut):
        line.drop, line.corrupt, line.wrong_speed = 0.3, 0.3, wrong_speed
    assert b"".join(cut.to_device(chunk, now=0.0) for chunk in chunks) == whole.to_device(b"".join(chunks), now=0.0)


def test_the_directions_do_not_disturb_each_other(line: Line) -> None:
    line.corrupt = 0.5
    quiet = line.to_host(SENT, now=0.0)
    line.seed(0)
    line.to_device(SENT, now=0.0)
    assert line.to_host(SENT, now=0.0) == quiet


def test_another_seed_damages_other_bytes(line: Line) -> None:
    line.corrupt = 0.5
    before = line.to_device(SENT, now=0.0)
    line.seed(1)
    assert line.to_device(SENT, now=0.0) != before


def test_each_byte_is_lost_with_the_given_probability(line: Line) -> None:
    line.drop = 0.1
    arrived = line.to_device(SENT, now=0.0)
    assert len(arrived) == pytest.approx(0.9 * len(SENT), rel=0.02)
    left = iter(SENT)
    assert all(byte in left for byte in arrived)  # the others are there, in order


def test_a_corrupted_byte_has_one_bit_flipped(line: Line) -> None:
    line.corrupt = 0.1
    arrived = line.to_host(SENT, now=0.0)
    changes = [a ^ b for a, b in zip(arrived, SENT, strict=True) if a != b]
    assert len(changes) == pytest.approx(0.1 * len(SENT), rel=0.1)
    assert set(changes) == {1 << bit for bit in range(8)}


def test_at_the_wrong_speed_noise_arrives_both_ways(line: Line) -> None:
    line.wrong_speed = True
    for arrived in (line.to_device(SENT, now=0.0), line.to_host(SENT, now=0.0)):
        assert len(arrived) == len(SENT)
        assert np.mean([a == b for a, b in zip(arrived, SENT, strict=True)]) < 0.01


def test_what_is_delayed_arrives_late_in_order_and_whole(line: Line) -> None:
    line.delay_s = 0.5
    assert line.to_device(b"one", now=0.0) == b""
    assert line.to_device(b"two", now=0.2) == b""
    assert line.to_device(b"", now=0.5) == b"one"
    assert line.to_device(b"", now=0.69) == b""
    assert line.to_device(b"", now=9.0) == b"two"


def test_when_a_delay_ends_what_was_under_way_is_there(line: Line) -> None:
    line.delay_s = 0.5
    line.to_host(b"one", now=0.0)
    line.clear()
    assert line.to_host(b"two", now=0.1) == b"onetwo"


def test_clearing_ends_every_fault(line: Line) -> None:
    line.drop = line.corrupt = line.delay_s = 1.0
    line.wrong_speed = True
    line.clear()
    assert line.to_device(SENT, now=0.0) == SENT


def test_garbage_comes_from_both_sides(line: Line) -> None:
    for_device, for_host = line.garbage(64)
    assert len(for_device) == len(for_host) == 64
    assert for_device != for_host
