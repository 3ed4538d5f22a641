import itertools
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio import files


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mono.wav", []),
        ("stereo.wav", ["-ac", "2"]),
        ("surround.flac", ["-ac", "6"]),
        ("8k.wav", ["-ar", "8000"]),
        ("96k.flac", ["-ar", "96000"]),
        ("float.wav", ["-c:a", "pcm_f32le"]),
        ("coded.mp3", []),
        ("coded.opus", ["-ar", "48000"]),
        ("coded.m4a", []),
    ],
)
def test_any_format_becomes_16_khz_mono(make_sound, name: str, options: list[str]) -> None:
    samples = files.read(make_sound(name, *options))
    assert samples.dtype == np.float32
    assert len(samples) == pytest.approx(32_000, abs=1200)  # a coder may add a block
    spectrum = np.abs(np.fft.rfft(samples[:16_000]))
    assert spectrum.argmax() == pytest.approx(300, abs=2)  # Hz: neither pitch nor speed has changed
    assert 0.03 < np.abs(samples).max() <= 1


def test_an_hour_is_read_a_piece_at_a_time(make_sound) -> None:
    hour = make_sound("hour.flac", "-ar", "16000", source="anullsrc=cl=mono:r=16000:d=3600")
    assert files.duration_s(hour) == pytest.approx(3600)
    assert all(len(piece) < 16_000 for piece in itertools.islice(files.decode(hour), 50))


def damaged(path: Path) -> Path:
    path.write_bytes(bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)))
    return path


def test_each_unusable_file_has_its_own_sentence(tmp_path: Path, make_sound) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    mute = make_sound("mute.mp4", source="color=d=1")
    header_only = make_sound("header.wav", source="anullsrc=d=0.0")
    for path, says in [
        (tmp_path / "nowhere.wav", "no such file"),
        (tmp_path, "this is a folder"),
        (empty, "0 bytes"),
        (damaged(tmp_path / "noise.wav"), "not a sound file"),
        (mute, "no sound in it"),
        (header_only, "empty"),
    ]:
        with pytest.raises(files.AudioFileError, match=says) as error:
            list(files.decode(path))
        assert str(path) in str(error.value)
