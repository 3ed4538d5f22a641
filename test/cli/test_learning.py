"""From recordings and servos to weights, by the commands that docs/training.md names."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lipsync_robot.inference import Network

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=200, check=False)


def test_voices_become_a_representation(tmp_path: Path, recording: Path, make_sound) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/one.opus").write_bytes(recording.read_bytes())
    prepared = run(tmp_path, "data", "prepare", "voices", "--output", "prepared/voices.npy", "--workers", "2")
    assert prepared.returncode == 0, prepared.stderr
    settings = "data: [prepared/voices.npy]\nunits: 16\nlayers: 1\nlength: 40\nbatch: 2\nepochs: 1\n"
    (tmp_path / "apc.yaml").write_text(settings)
    trained = run(tmp_path, "train", "apc", "apc.yaml", "--model", "models/apc.onnx")
    assert trained.returncode == 0, trained.stderr
    assert Network(tmp_path / "models/apc.onnx").metadata == {}
    again = run(tmp_path, "train", "apc", "apc.yaml", "--model", "models/apc.onnx", "--resume")
    assert again.returncode == 0, again.stderr
    exported = run(tmp_path, "export", "runs/apc", "--model", "out/apc.onnx", "--precision", "int8")
    assert exported.returncode == 0, exported.stderr
    assert re.search(r"differs from torch by at most [\d.]+e-\d+ of features.* on avonlea.opus", exported.stderr)
    assert Network(tmp_path / "out/apc.onnx").metadata == {}


def test_the_twin_learns_its_face_by_two_commands(tmp_path: Path) -> None:
    babbled = run(tmp_path, "babble", "--samples", "300", "--source", "exact", "--output", "runs/babble.npz")
    assert babbled.returncode == 0, babbled.stderr
    files = ("--model", "twin.onnx", "--face", "twin.npz", "--output", "runs/inverse")
    trained = run(tmp_path, "train", "inverse", "runs/babble.npz", *files, "--json")
    assert trained.returncode == 0, trained.stderr
    figures = json.loads(trained.stdout)  # and nothing else is on that channel
    assert figures["mae"] < figures["random_mae"]
    assert (tmp_path / "twin.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["data", "prepare", "nowhere", "--output", "x"], "nowhere: no such folder"),
        (["data", "prepare", ".", "--output", "x"], "holds no video and no sound"),
        (["train", "apc", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["train", "apc", "bad.yaml"], "unknown setting 'epochz'. Did you mean 'epochs'?"),
        (["babble", "--source", "dream"], "choose exact or camera"),
        (["export", "nowhere", "--model", "x.onnx"], "nowhere/network.pt: no such file"),
        (["export", "nowhere", "--model", "."], "'.' is a directory"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "bad.yaml").write_text("data: []\nepochz: 3\n")
    ended = run(tmp_path, *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
