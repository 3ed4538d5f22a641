"""`lipsync-robot evaluate`: one command tells programs and people how good the models are, and shows it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from lipsync_robot.audio import files
from lipsync_robot.vision import video

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


@pytest.fixture
def evaluate(here: Callable, corpus: Path, prepared: Path) -> Callable[..., subprocess.CompletedProcess]:
    return lambda *given: here(
        prepared, "evaluate", "audio2landmark", "--data", str(corpus), "--prepared", str(prepared), *given
    )


def test_a_split_is_scored_and_shown(corpus: Path, prepared: Path, tmp_path: Path) -> None:
    picture, film = tmp_path / "openings.png", tmp_path / "faces.mp4"
    command = [COMMAND, "evaluate", "audio2landmark", "--data", corpus, "--prepared", prepared, "--split", "val"]
    shown = ["--json", "--picture", picture, "--video", film]
    ended = subprocess.run([*command, *shown], capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)  # and nothing else is on that channel
    assert {"overall", "overall_interval", "speakers", "baselines", "chance", "clips"} <= set(report)
    assert "languages" not in report
    assert report["clips"] == report["speakers"]["b"]["clips"] == 2
    assert report["overall"]["aperture_r"] > report["baselines"]["static"]["aperture_r"]
    assert len(np.unique(np.asarray(Image.open(picture)).reshape(-1, 3), axis=0)) > 10
    frames = list(video.frames(film))
    with av.open(str(film)) as container:
        assert container.streams.video[0].average_rate == 25
    assert len(files.read(film)) / 16_000 == pytest.approx(len(frames) / 25, abs=0.1)
    assert any((a != b).any() for (_, a), (_, b) in zip(frames, frames[5:], strict=False))


def test_people_read_tables(evaluate: Callable) -> None:
    ended = evaluate("--split", "val", "--group", "clip")
    assert ended.returncode == 0, ended.stderr
    assert "clips 2, people 1" in ended.stdout
    assert {"aperture_r", "chance", "nearest", "speakers", "by_clip", "two"} <= set(ended.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--split", "spring"], "no clip of split 'spring'"),
        (["--split", "val", "--group", "mood"], "--group 'mood': the corpus's table has only speaker, clip, split"),
        (["--train-data", "."], "--train-data and --train-prepared belong together"),
        (["--data", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_a_mistake_is_one_sentence(evaluate: Callable, arguments: list[str], says: str) -> None:
    ended = evaluate(*arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
