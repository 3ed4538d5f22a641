"""The shipped weights, as they run: hop by hop through ONNX Runtime."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.audio.mel import SAMPLE_RATE, LogMel
from lipsync_robot.face.landmarks import aperture
from lipsync_robot.face.profile import HumanFace
from lipsync_robot.inference import ModelError, Network
from lipsync_robot.resources import resource
from lipsync_robot.speech.audio2landmark import Audio2Landmark

STATIC = HumanFace.load(resource("models/human_face.npz")).static


@pytest.fixture(scope="module")
def model() -> Audio2Landmark:
    return Audio2Landmark(resource("models/apc.onnx"), resource("models/audio2landmark.onnx"), STATIC)


@settings(max_examples=10)
@given(cuts=st.lists(st.integers(1, 4000), max_size=30))
def test_any_chunking_says_the_same(model: Audio2Landmark, speech: np.ndarray, cuts: list[int]) -> None:
    short = speech[: 3 * SAMPLE_RATE]
    model.reset()
    whole = list(model(short, stamp=50.0))
    model.reset()
    edges = [0, *(cut for cut in np.cumsum(cuts) if cut < len(short)), len(short)]
    pieces = [face for a, b in itertools.pairwise(edges) for face in model(short[a:b], 50.0 + a / SAMPLE_RATE)]
    assert_allclose([face.stamp for face in pieces], [face.stamp for face in whole], atol=1e-6)
    assert_allclose([face.points for face in pieces], [face.points for face in whole], atol=1e-4)


def test_a_face_is_stamped_with_its_own_moment(model: Audio2Landmark, speech: np.ndarray) -> None:
    model.reset()
    stamps = [face.stamp for face in model(speech[:SAMPLE_RATE], stamp=100.0)]
    assert_allclose(stamps, 100.0 + 0.02 * np.arange(len(stamps)), atol=1e-9)
    heard_until = 101.0
    assert heard_until - stamps[-1] == pytest.approx(model.lookahead_s)


def test_a_gap_in_the_sound_starts_a_new_utterance(model: Audio2Landmark, speech: np.ndarray) -> None:
    model.reset()
    first = list(model(speech[:SAMPLE_RATE], stamp=0.0))
    again = list(model(speech[:SAMPLE_RATE], stamp=500.0))
    assert_allclose([face.points for face in again], [face.points for face in first], atol=1e-6)
    assert again[0].stamp == 500.0


@pytest.mark.parametrize("jump", [0.05, -0.05])
def test_stamps_that_jump_a_little_are_followed_and_the_speech_goes_on(model: Audio2Landmark, speech, jump: float) -> None:
    model.reset()
    whole = list(model(speech[: 2 * SAMPLE_RATE], stamp=10.0))
    model.reset()
    first = list(model(speech[:SAMPLE_RATE], stamp=10.0))
    second = list(model(speech[SAMPLE_RATE : 2 * SAMPLE_RATE], stamp=11.0 + jump))
    assert_allclose([face.points for face in first + second], [face.points for face in whole], atol=1e-4)
    assert_allclose([face.stamp for face in second], [face.stamp + jump for face in whole[len(first) :]], atol=1e-6)


def test_stamps_of_a_clock_that_was_set_back_start_a_new_utterance(model: Audio2Landmark, speech: np.ndarray) -> None:
    model.reset()
    list(model(speech[:SAMPLE_RATE], stamp=500.0))
    assert next(iter(model(speech[:SAMPLE_RATE], stamp=0.0))).stamp == 0.0


@pytest.mark.parametrize("level_db", [-120, -60, -40])
def test_the_mouth_is_closed_while_nobody_speaks(model: Audio2Landmark, level_db: float) -> None:
    noise = np.random.default_rng(0).normal(0, 10 ** (level_db / 20), 3 * SAMPLE_RATE).astype(np.float32)
    model.reset()
    opening = aperture(np.array([face.points for face in model(noise, 0.0)])) - aperture(STATIC)
    assert np.abs(opening[50:]).max() < 0.15  # cm; speech opens it by 1 and more


def test_lips_follow_speech(model: Audio2Landmark, speech: np.ndarray) -> None:
    model.reset()
    opening = aperture(np.array([face.points for face in model(speech, 0.0)])) - aperture(STATIC)
    level = LogMel()(speech)[: len(opening)].mean(axis=1)
    loud, quiet = level > np.quantile(level, 0.6), level < np.quantile(level, 0.1)
    assert np.median(opening[loud]) > np.median(opening[quiet]) + 0.3  # cm
    assert 0.6 < np.quantile(opening, 0.95) < 3.0
    closings = np.flatnonzero(np.diff((opening > 0.4).astype(int)) == -1)
    assert 1.5 < len(closings) / (len(opening) / 50) < 8  # a second: the rate of syllables


def test_the_gain_opens_the_mouth_further(model: Audio2Landmark, speech: np.ndarray) -> None:
    model.reset()
    model.mouth_gain = 1.5
    loud = [face.points - STATIC for face in model(speech[:SAMPLE_RATE], 0.0)]
    model.reset()
    model.mouth_gain = 1.0
    assert_allclose(loud, [1.5 * (face.points - STATIC) for face in model(speech[:SAMPLE_RATE], 0.0)], atol=1e-5)


def test_a_network_refuses_what_it_cannot_take(tmp_path) -> None:
    with pytest.raises(ModelError, match="no such model"):
        Network(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can load"):
        Network(tmp_path / "bad.onnx")
    apc = Network(resource("models/apc.onnx"))
    with pytest.raises(ModelError, match=r"'mel' has shape \(1, 2, 80\); the model takes mel \(1, 1, 80\)\."):
        apc(mel=np.zeros((1, 2, 80), np.float32))
    with pytest.raises(ModelError, match=r"'features' has shape \(1, 1, 512\); the model takes mel \(1, 1, 80\)\."):
        apc(features=np.zeros((1, 1, 512), np.float32))
    with pytest.raises(ModelError, match="unknown provider 'gpu'"):
        Network(resource("models/apc.onnx"), ("gpu",))
    with pytest.raises(ModelError, match="none of the providers tensorrt"):
        Network(resource("models/apc.onnx"), ("tensorrt",))
