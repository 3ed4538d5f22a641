"""A corpus of talking heads, filmed and prepared once."""

import wave
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.learning import prepare
from lipsync_robot.twin import rig, video


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, speech: np.ndarray) -> Path:
    """Two people of two clips each: the twin, whose jaw follows the loudness of a real recording."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "splits.tsv").write_text("speaker\tclip\tsplit\na\tone\ttrain\na\ttwo\ttrain\nb\tone\tval\nb\ttwo\tval\n")
    for i, name in enumerate(("a/one", "a/two", "b/one", "b/two")):
        said = (speech[(3 + i) * SAMPLE_RATE : (5 + i) * SAMPLE_RATE] * 32767).astype(np.int16)
        level = np.abs(said.astype(float)).reshape(-1, 800).mean(1)
        positions = np.tile(rig.NEUTRAL, (len(level), 1))
        positions[:, rig.MOTORS.index("jaw")] = np.clip(level / level.max(), 0, 1)
        for kind in ("video", "audio"):
            (root / kind / name).parent.mkdir(parents=True, exist_ok=True)
        film = root / "video" / f"{name}.mp4"
        video.film(film, np.arange(len(level)) * 0.05, positions, said, SAMPLE_RATE, 0.0, lambda _: None)
        with wave.open(str(root / "audio" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(said.tobytes())
    return root


@pytest.fixture(scope="session")
def prepared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("prepared")
    prepare.prepare(corpus, output, prepare.Choice(shard_size=2), workers=2)
    return output
