import numpy as np

from lipsync_robot.audio.playback import Timeline

BLOCK = np.arange(1, 321, dtype=np.int16)  # 20 ms


def test_a_sample_is_heard_at_its_moment() -> None:
    line = Timeline()
    line.add(BLOCK, moment=10.0)
    assert not line.take(160, moment=9.5).any()
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


def test_a_sound_card_that_jitters_does_not_click() -> None:
    line = Timeline()
    line.add(np.tile(BLOCK, 10), moment=10.0)
    heard = [line.take(320, moment=10.0 + 0.02 * i + jitter) for i, jitter in enumerate([0.004, -0.006, 0.009])]
    assert (np.concatenate(heard) == np.tile(BLOCK, 3)).all()


def test_what_is_too_late_is_skipped() -> None:
    line = Timeline()
    line.add(np.tile(BLOCK, 10), moment=10.0)
    assert (line.take(320, moment=10.1) == BLOCK).all()
