"""From recordings and servos to weights, by the commands that docs/training.md names."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lipsync_robot.face.landmarks import CANONICAL
from lipsync_robot.face.mapping import Mapping
from lipsync_robot.face.retarget import RobotFace
from lipsync_robot.inference import OVER, Network, light
from lipsync_robot.learning import shards
from lipsync_robot.learning.apc import load
from lipsync_robot.resources import resource

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=200, check=False)


def test_voices_become_a_representation_and_clips_a_face_over_it(
    here: Callable, tmp_path: Path, recording: Path, corpus: Path, prepared: Path
) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/one.opus").write_bytes(recording.read_bytes())
    packed = run(tmp_path, "data", "prepare", "voices", "--output", "prepared/voices.npy", "--workers", "2")
    assert packed.returncode == 0, packed.stderr
    settings = "data: [prepared/voices.npy]\nunits: 16\nlayers: 1\nlength: 40\nbatch: 2\nepochs: 1\n"
    (tmp_path / "apc.yaml").write_text(settings)
    devices = str(min(2, torch.cuda.device_count() or 2))
    trained = run(tmp_path, "train", "apc", "apc.yaml", "--devices", devices)
    assert trained.returncode == 0, trained.stderr
    assert f"MEMBER: {devices}/{devices}" in trained.stderr or devices == "1"
    again = here(tmp_path, "train", "apc", "apc.yaml", "--resume")
    assert again.returncode == 0, again.stderr
    exported = here(tmp_path, "export", "runs/apc", "--model", "out/apc.onnx", "--precision", "int8")
    assert exported.returncode == 0, exported.stderr
    assert re.search(r"differs from torch by at most [\d.]+e-\d+ of features.* on avonlea.opus", exported.stderr)
    assert Network(tmp_path / "out/apc.onnx").metadata == {OVER: load(tmp_path / "runs/apc/network.pt").digest()}
    settings = f"corpora: [{corpus}]\nprepared: [{prepared}]\nunits: 16\nmotions: 4\n"
    (tmp_path / "face.yaml").write_text(settings + "length: 80\nbatch: 2\ndraws: 8\nepochs: 1\n")
    faced = here(tmp_path, "train", "audio2landmark", "face.yaml", "--apc", "runs/apc")
    assert faced.returncode == 0, faced.stderr
    names = {"apc.onnx", "audio2landmark.onnx", "audio2landmark_int4.onnx", "human_face.npz"}
    assert {path.name for path in (tmp_path / "models").iterdir()} == names
    assert Network(tmp_path / "models/apc.onnx").metadata == Network(tmp_path / "out/apc.onnx").metadata
    assert light((tmp_path / "models/apc.onnx", tmp_path / "models/audio2landmark.onnx"), ("cpu",))
    data = ("--data", str(corpus), "--prepared", str(prepared), "--split", "val")
    scored = here(tmp_path, "evaluate", "audio2landmark", *data, "--model", "models/audio2landmark.onnx", "--json")
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["speakers"].keys() == {"b"}
    held = tmp_path / "held"
    held.mkdir()
    (held / "splits.tsv").write_text("speaker\tclip\tsplit\na\tone\ttest\na\ttwo\ttest\nb\tone\ttest\n")
    brought = (
        "evaluate",
        "adaptation",
        "--data",
        str(held),
        "--prepared",
        str(prepared),
        "--apc",
        "runs/apc",
        "--seconds",
        "1",
    )
    compared = here(tmp_path, *brought)
    assert compared.returncode == 0, compared.stderr
    assert re.search(r"^ *a after", compared.stdout, re.MULTILINE)
    assert "aperture_r gains " in compared.stdout
    assert "left out b: no clip beyond the first 1 s" in compared.stdout
    nobody = here(tmp_path, *brought[:-1], "9")
    assert nobody.returncode == 2
    assert "Nobody can be scored. a: no clip beyond the first 9 s" in nobody.stderr
    two = ("--run", "runs/audio2landmark", "--run", "runs/audio2landmark")  # they answer with their mean
    mine = ("--seconds", "2", "--model", "models/me.onnx")
    adapted = here(tmp_path, "adapt", str(prepared), "--apc", "runs/apc", *two, *mine)
    assert adapted.returncode == 0, adapted.stderr
    assert light((tmp_path / "models/apc.onnx", tmp_path / "models/me.onnx"), ("cpu",))


def test_the_twin_learns_its_face_by_two_commands(here: Callable, tmp_path: Path) -> None:
    babbled = run(tmp_path, "babble", "--samples", "300", "--source", "exact", "--picture", "covered/all.png")
    assert babbled.returncode == 0, babbled.stderr
    assert (tmp_path / "covered/all.png").read_bytes().startswith(b"\x89PNG")
    files = ("--model", "twin.onnx", "--face", "twin.npz", "--output", "runs/inverse")
    trained = here(tmp_path, "train", "inverse", "runs/babble", "epochs=4", "combined=4000", *files, "--json")
    assert trained.returncode == 0, trained.stderr
    figures = json.loads(trained.stdout)  # and nothing else is on that channel
    assert figures["mae"] < figures["random_mae"]
    assert (tmp_path / "twin.npz").exists()


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """The corpus `people`, five of a clip each, and where they lie `prepared`; e is a test speaker, whose clip is damaged."""
    found = []
    for i, name in enumerate("abcde"):
        faces = np.repeat(CANONICAL.vertices[None] * (1 + 0.02 * np.sin([i, 2 * i, 0])), 30, axis=0)
        clip = shards.Clip(faces, 25.0, np.zeros((60, 80), np.float32))
        found.append((shards.Entry(f"{name}/one", name, frames=30, frame_rate=25.0), clip))
    (tmp_path / "prepared").mkdir()
    shards.write(tmp_path / "prepared", 0, found)
    shards.finish(tmp_path / "prepared", [])
    at = next(entry for entry in shards.entries(tmp_path / "prepared") if entry.person == "e")
    with (tmp_path / "prepared" / "shard-00000.tar").open("r+b") as file:
        file.seek(at.offset)
        file.write(bytes(at.size))
    (tmp_path / "people").mkdir()
    splits = {"a": "train", "b": "train", "c": "train", "d": "val", "e": "test"}
    rows = "".join(f"{name}\tone\t{split}\n" for name, split in splits.items())
    (tmp_path / "people" / "splits.tsv").write_text(f"speaker\tclip\tsplit\n{rows}")
    return tmp_path


def test_a_mapping_is_learned_of_those_people_whom_the_corpus_names_for_it(here: Callable, family: Path) -> None:
    babbled = run(family, "babble", "--samples", "100", "--source", "exact", "--output", "runs/babble")
    assert babbled.returncode == 0, babbled.stderr
    (family / "tiny.yaml").write_text("units: 8\nsteps: 20\n")
    learn = ("train", "mapping", "prepared", "--babble", "runs/babble", "--output", "new/mapping.npz", "--config", "tiny.yaml")
    trained = here(family, *learn, "--data", "people", "--json")
    assert trained.returncode == 0, trained.stderr
    figures = json.loads(trained.stdout)
    assert set(figures) == {"error_cm", "unmapped_error_cm", "strangers_at_rest_cm", "unmapped_strangers_cm"}
    robot = RobotFace.load(resource("models/twin_face.npz"))
    assert np.isfinite(Mapping(family / "new/mapping.npz", robot)(CANONICAL.vertices)).all()
    alone = here(family, *learn, "--data", "people", "--data", "people")
    assert alone.returncode == 2
    assert "1 prepared folders and 2 --data: name the corpus of each" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["data", "prepare", "nowhere", "--output", "x"], "nowhere: no such folder"),
        (["data", "prepare", "nothing", "--output", "x"], "holds no video and no sound"),
        (
            ["data", "prepare", "films", "--output", "x", "--transcripts", "bad.yaml"],
            "--transcripts are for voices without faces",
        ),
        (["train", "apc", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["train", "apc", "bad.yaml"], "unknown setting 'epochz'. Did you mean 'epochs'?"),
        (["babble", "--source", "dream"], "is not one of 'camera', 'grey', 'exact'"),
        (["export", "nowhere", "--model", "x.onnx"], "nowhere/network.pt: no such file"),
        (["export", "nowhere", "--model", "."], "'.' is a directory"),
    ],
)
def test_a_mistake_is_one_sentence(here: Callable, tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "bad.yaml").write_text("data: []\nepochz: 3\n")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "films").mkdir()
    (tmp_path / "films/one.mp4").touch()
    ended = here(tmp_path, *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
