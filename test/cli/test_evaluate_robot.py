"""`lipsync-robot evaluate robot` and `evaluate inverse`: one command each tells how well the twin copies, and shows it."""

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
from lipsync_robot.resources import resource
from lipsync_robot.vision import video

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
KEYS = {"aperture_r", "width_r", "landmark_error", "landmark_error_one_look", "landmark_error_human"}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=250, check=False)


@pytest.fixture(scope="module")
def babbled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the twin did in 25 poses, by its own vertices and by its camera."""
    folder = tmp_path_factory.mktemp("babble")
    for source in ("exact", "camera"):
        ended = run(folder, "babble", "--samples", "25", "--source", source, "--output", source, "--workers", "1")
        assert ended.returncode == 0, ended.stderr
    return folder


def test_the_twin_copies_people_and_is_scored(corpus: Path, prepared: Path, babbled: Path, tmp_path: Path) -> None:
    picture, film = tmp_path / "errors.png", tmp_path / "copies.mp4"
    ended = run(
        tmp_path, "evaluate", "robot", "--data", str(corpus), "--prepared", str(prepared), "--split", "val", "--limit", "1",
        "--model", str(resource("models/twin_inverse.onnx")), "--face", str(resource("models/twin_face.npz")),
        "--babble", str(babbled / "exact"), "--picture", str(picture), "--video", str(film), "--json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)  # and nothing else is on that channel
    assert {*KEYS, "interval", "baselines", "people", "faces_lost", "frames"} <= set(report)
    assert set(report["baselines"]) == {"static", "random", "nearest_neighbour"}
    assert report["people"]["b"]["clips"] == report["clips"] == 1
    assert report["faces_lost"] == 0
    assert report["aperture_r"] > 0.9  # the person is the twin, as FaceMesh sees it
    assert report["landmark_error"] < report["baselines"]["static"]["landmark_error"]
    assert report["landmark_error"] < report["baselines"]["random"]["landmark_error"]
    assert len(np.unique(np.asarray(Image.open(picture)).reshape(-1, 3), axis=0)) > 10
    frames = list(video.frames(film))
    assert len(frames) == report["frames"]
    with av.open(str(film)) as container:
        assert container.streams.video[0].average_rate == 25
    assert len(files.read(film)) / 16_000 == pytest.approx(len(frames) / 25, abs=0.1)
    human, robot = (
        [float(np.abs(a[:, half].astype(int) - b[:, half]).mean()) for (_, a), (_, b) in zip(frames, frames[5:], strict=False)]
        for half in (slice(0, 480), slice(480, None))
    )
    assert min(max(human), max(robot)) > 0.1  # both move


def test_without_babble_a_table_says_what_is_left_out(here: Callable, corpus: Path, prepared: Path, tmp_path: Path) -> None:
    ended = here(
        tmp_path, "evaluate", "robot", "--data", str(corpus), "--prepared", str(prepared), "--split", "val", "--limit", "1"
    )
    assert ended.returncode == 0, ended.stderr
    assert {"aperture_r", "landmark_error_human", "static", "people"} <= set(ended.stdout.split())
    assert "left out random and nearest_neighbour: they need the robot's babble; name it with --babble" in ended.stdout


def test_both_inverse_models_are_scored(here: Callable, babbled: Path, tmp_path: Path) -> None:
    picture, model = tmp_path / "motors.png", str(resource("models/twin_inverse.onnx"))
    ended = here(
        tmp_path, "evaluate", "inverse", "--samples", "8", "--exact", model, "--camera", model,
        "--babble-exact", str(babbled / "exact"), "--babble-camera", str(babbled / "camera"),
        "--picture", str(picture), "--json",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert set(report) == {"exact", "camera"}
    for figures in report.values():
        assert figures["faces_tested"] == 8
        assert figures["mae"] < figures["random_mae"]
    assert picture.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--split", "spring"], "no clip of split 'spring'"),
        (["--babble", "nowhere"], "nowhere: holds no babble"),
        (["--model", "nowhere.onnx"], "nowhere.onnx"),
        (["--face", "nowhere.npz"], "nowhere.npz"),
        (["--mapping", "nowhere.npz"], "nowhere.npz"),
    ],
)
def test_a_mistake_is_one_sentence(
    here: Callable, corpus: Path, prepared: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    ended = here(
        tmp_path, "evaluate", "robot", "--data", str(corpus), "--prepared", str(prepared), "--split", "val", *arguments
    )
    assert ended.returncode == 2
    assert says in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_babble_that_was_looked_at_otherwise_is_refused(here: Callable, babbled: Path, tmp_path: Path) -> None:
    model = str(resource("models/twin_inverse.onnx"))
    ended = here(
        tmp_path, "evaluate", "inverse", "--exact", model, "--camera", model, "--babble-camera", str(babbled / "exact"),
    )  # fmt: skip
    assert ended.returncode == 2
    assert "was babbled with --source exact. Name one with --source camera." in ended.stderr
