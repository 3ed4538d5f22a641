"""Worse sound, no speech, other voices: the measures tell what they claim to."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.face.landmarks import LOWER_LIP, POINTS
from lipsync_robot.learning import clips, robustness

LOUD_DB = -30.0


def opens_when_loud(mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> displacement (hops, 468, 3) cm: the lower lip falls by up to a centimetre."""
    displacement = np.zeros((len(mel), POINTS, 3))
    displacement[:, LOWER_LIP, 1] = -np.clip((mel.max(axis=1) - LOUD_DB) / 30, 0, 1)
    return displacement


def test_a_softer_voice_is_so_many_decibels_softer_and_noise_so_many_below(speech: np.ndarray) -> None:
    softer = robustness.level(-20)(speech)
    assert np.abs(softer).max() == pytest.approx(np.abs(speech).max() / 10)
    added = robustness.noise(10)(speech) - speech
    assert 10 * np.log10(np.mean(speech**2) / np.mean(added**2)) == pytest.approx(10, abs=0.1)


def test_a_room_rings_on_for_its_decay(speech: np.ndarray) -> None:
    click = np.zeros(SAMPLE_RATE, np.float32)
    click[1000] = 1.0
    heard = robustness.room(0.5)(click)
    assert heard[1000] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(heard[:1000]).max() < 1e-3
    early, late = (np.square(heard[1000 + at : 1800 + at]).mean() for at in (100, 4100))
    assert 10 * np.log10(early / late) == pytest.approx(30, abs=4)  # a quarter of a second: half of 60 dB
    assert robustness.room(0.5)(speech).shape == speech.shape


def test_what_is_no_speech_is_measured_against_speech(recording: Path) -> None:
    shares = robustness.opened(opens_when_loud, robustness.not_speech(3.0), recording)
    assert shares["silence"] == pytest.approx(0)
    assert 0 < shares["speech"] < 1
    assert set(shares) == {"speech", "silence", "white noise", "pink noise", "breath", "music"}


def test_the_rhythm_of_lips_is_counted(tmp_path: Path, recording: Path, make_sound) -> None:
    """Five openings a second in a sound that is loud five times a second."""
    folder = tmp_path / "syllables"
    folder.mkdir()
    make_sound("syllables.wav", source="aevalsrc='0.3*sin(2*PI*300*t)*gt(sin(2*PI*5*t)\\,0)*lt(mod(t\\,4)\\,2)':d=8").rename(
        folder / "syllables.wav"
    )
    found = robustness.looks_like_speech(opens_when_loud, folder, lookahead=0)
    assert found["files"] == 1
    assert found["rate_hz"] == pytest.approx(5, abs=1.5)
    assert found["closed_in_pauses"] == 1


def test_every_condition_is_scored_on_the_clips_own_sound(corpus: Path, prepared: Path) -> None:
    data = list(clips.load_split(corpus, prepared, "val"))
    scored = robustness.conditions(opens_when_loud, corpus, data, lookahead=0)
    assert list(scored) == list(robustness.CONDITIONS)
    assert scored["as it is"]["aperture_r"] > 0.4
    assert scored["noise 10 dB below"]["aperture_r"] < scored["as it is"]["aperture_r"]
