"""Folders of sound to packed voices: frame for frame what log-mel makes of each file, however much there is."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from lipsync_robot.audio import files
from lipsync_robot.audio.mel import SAMPLE_RATE, LogMel
from lipsync_robot.errors import BadInputError
from lipsync_robot.learning import sound, voices

FILES, SECONDS = 200, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    noise = np.random.default_rng(0)
    for number in range(FILES):
        samples = noise.normal(0, 0.05, SECONDS * SAMPLE_RATE).astype(np.float32)
        soundfile.write(folder / f"{number:03d}.wav", samples, SAMPLE_RATE, "FLOAT")
    (folder / "039.wav").write_text("no sound")
    return folder


def test_a_pack_holds_each_file_and_memory_holds_few(folder: Path, tmp_path: Path) -> None:
    pack = tmp_path / "made" / "voices.npy"
    tracemalloc.start()
    unreadable = sound.prepare(folder, pack, workers=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(unreadable) == 1
    assert "039.wav" in unreadable[0]
    readable = [path for path in sorted(folder.iterdir()) if path.name != "039.wav"]
    whole = np.concatenate([LogMel()(files.read(path)).astype(np.float16) for path in readable])
    assert_array_equal(np.load(pack), whole)
    assert peak < whole.nbytes / 2
    assert [path.name for path in pack.parent.iterdir()] == ["voices.npy"]


def test_of_nothing_that_can_be_read_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "one.wav").write_text("no sound")
    with pytest.raises(BadInputError, match="none of its 1 sound files can be read"):
        sound.prepare(tmp_path / "voices", tmp_path / "voices.npy", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["voices"]


def test_phones_of_an_earlier_pack_do_not_outlive_it(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "one.wav").write_bytes((folder / "000.wav").read_bytes())
    sound.phones_of(tmp_path / "voices.npy").write_bytes(b"of other voices")
    sound.prepare(tmp_path / "voices", tmp_path / "voices.npy", workers=1)
    assert not sound.phones_of(tmp_path / "voices.npy").exists()


def test_what_is_usual_is_told_exactly_by_a_part_of_the_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mel = np.random.default_rng(0).normal(-60, 12, (20_000, 80)).astype(np.float16)
    np.save(tmp_path / "voices.npy", mel)
    monkeypatch.setattr(voices, "SAMPLED", 1000)
    mean, deviation = voices.Sequences([tmp_path / "voices.npy"], 100).statistics()
    part = mel[::20].astype(float)
    assert_allclose(mean.numpy(), part.mean(0), rtol=1e-6)
    assert_allclose(deviation.numpy(), part.std(0), rtol=1e-6)
