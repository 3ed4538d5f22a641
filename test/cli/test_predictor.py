"""From videos to a predictor and its figures, by the commands that docs/training.md names."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lipsync_robot.learning import expressions
from lipsync_robot.vision import video
from lipsync_robot.vision.expression import Predictor

KEYS = {
    "predictor", "baselines", "improvement_over_best_baseline", "lead_ms", "false_fires_per_minute",
    "missed_fires_per_minute", "sequences", "people", "intervals",
}  # fmt: skip


@pytest.fixture(scope="module")
def acting(people: list, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("followed")
    for clip in people:
        expressions.save(clip, folder / "faces")
    return folder


def is_drawn(picture: Path) -> bool:
    return len(np.unique(np.asarray(Image.open(picture)).reshape(-1, 3), axis=0)) > 10


def test_videos_are_followed_once_and_sorted_out(here: Callable, corpus: Path, tmp_path: Path) -> None:
    command = ("data", "expressions", str(corpus), "--split", "train", "--output", "faces", "--picture", "new/curves.png")
    first = here(tmp_path, *command)
    assert first.returncode == 0, first.stderr
    assert "people 1, clips 2" in first.stderr
    assert is_drawn(tmp_path / "new/curves.png")
    (one, two) = expressions.load(tmp_path / "faces")
    assert (one.name, two.name, one.person) == ("a/one", "a/two", "a")
    assert len(one.stamps) == len(list(video.frames(corpus / "video/a/one.mp4")))  # the twin is in every picture
    (tmp_path / "faces/a/two.npz").unlink()
    kept = os.stat(tmp_path / "faces/a/one.npz")
    again = here(tmp_path, *command)
    assert again.returncode == 0, again.stderr
    assert os.stat(tmp_path / "faces/a/one.npz").st_mtime_ns == kept.st_mtime_ns
    assert (tmp_path / "faces/a/two.npz").exists()


def test_a_predictor_is_trained_without_those_whom_it_is_scored_on(here: Callable, acting: Path) -> None:
    trained = here(acting, "train", "predictor", "faces", "steps=300", "--without", "d", "--model", "p/p.onnx", "--json")
    assert trained.returncode == 0, trained.stderr
    figures = json.loads(trained.stdout)
    assert figures["people"] == 3
    assert figures["expressions"] >= 30
    Predictor(acting / "p/p.onnx")
    scored = here(
        acting, "evaluate", "predictor", "faces", "--people", "d", "--model", "p/p.onnx", "--picture", "p/p.png", "--json"
    )
    assert scored.returncode == 0, scored.stderr
    report = json.loads(scored.stdout)  # and nothing else is on that channel
    assert set(report) >= KEYS
    assert set(report["baselines"]) == {"current_face", "random_face", "linear_extrapolation", "nearest_neighbour"}
    assert report["predictor"] < report["baselines"]["current_face"]
    assert list(report["people"]) == ["d"]
    assert is_drawn(acting / "p/p.png")


def test_everybody_is_scored_by_what_never_met_them(here: Callable, acting: Path) -> None:
    scored = here(acting, "evaluate", "predictor", "faces", "steps=50", "--leave-one-out", "--without", "d")
    assert scored.returncode == 0, scored.stderr
    assert "people 3;" in scored.stdout
    assert {"predictor", "current_face", "linear_extrapolation", "lead", "missed", "a", "b", "c"} <= set(scored.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["data", "expressions", "nowhere", "--output", "x"], "nowhere: no such folder"),
        (["data", "expressions", "faces", "--output", "x"], "faces: holds no video"),
        (["train", "predictor", "nowhere"], "nowhere: holds no followed face. Run: lipsync-robot data expressions"),
        (["train", "predictor", "faces", "--without", "z"], "faces: shows nobody called 'z'. There are: a, b, c, d."),
        (["train", "predictor", "faces", "motion=3"], "unknown setting 'motion'. Did you mean 'motions'?"),
        (["evaluate", "predictor", "faces"], "Nobody is left for the baselines to learn from"),
        (["evaluate", "predictor", "faces", "--people", "d", "--model", "no.onnx"], "no.onnx: no such model"),
        (["evaluate", "predictor", "faces", "--leave-one-out", "--model", "no.onnx"], "leave out --model"),
    ],
)
def test_a_mistake_is_one_sentence(here: Callable, acting: Path, arguments: list[str], says: str) -> None:
    ended = here(acting, *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
