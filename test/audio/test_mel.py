import librosa
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.audio import mel


def test_equals_librosa_on_the_same_samples(speech: np.ndarray) -> None:
    before = np.zeros(mel.HOP, np.float32)  # there was silence before the first sample
    power = librosa.feature.melspectrogram(
        y=np.concatenate([before, speech]), sr=16_000, n_fft=640, win_length=640, hop_length=320, center=False,
        n_mels=80, fmin=90, fmax=7600,
    )  # fmt: skip
    assert_allclose(mel.LogMel()(speech), librosa.power_to_db(power, amin=1e-10, top_db=None).T, atol=1e-3)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(1, 4000), max_size=40))
def test_any_chunking_gives_the_same_frames(speech: np.ndarray, cuts: list[int]) -> None:
    streaming = mel.LogMel()
    frames = np.concatenate([streaming(chunk) for chunk in np.split(speech, np.cumsum(cuts)[np.cumsum(cuts) < len(speech)])])
    assert_allclose(frames, mel.LogMel()(speech), atol=1e-4)


def test_a_frame_is_centred_on_its_moment() -> None:
    click = np.zeros(16_000, np.float32)
    click[30 * mel.HOP] = 1.0
    level = mel.LogMel()(click).mean(axis=1)
    assert level.argmax() == 30


def test_digital_silence_is_the_floor() -> None:
    assert (mel.LogMel()(np.zeros(3200, np.float32)) == -100).all()


def test_look_ahead_counts_the_half_window() -> None:
    assert mel.lookahead_s(0) == 0.02
    assert mel.lookahead_s(2) == 0.06
