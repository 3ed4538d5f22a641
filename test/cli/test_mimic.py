"""`lipsync-robot mimic` and `coexpress`: the twin mirrors a film of its own other face."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lipsync_robot.resources import resource

HEAD = str(resource("config/robots/dynamixel_head.yaml"))
COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")


@pytest.fixture(autouse=True)
def unhurried(patient_eyes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPSYNC_CONFIG", str(patient_eyes))


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.parametrize(("verb", "does"), [("mimic", "mirrors"), ("coexpress", "anticipates")])
def test_the_twin_mirrors_a_film_and_is_held_beside_it(verb: str, does: str, person: Path, tmp_path: Path) -> None:
    film, report = tmp_path / "out/mimic.mp4", tmp_path / "out/mimic.json"
    ended = run(verb, "--camera", person, "--video", film, "--json", report)
    assert ended.returncode == 0, ended.stderr
    assert does in ended.stderr
    assert "picture to wire" in ended.stderr
    assert film.stat().st_size > 20_000
    figures = json.loads(report.read_text())
    assert 20 < figures["pictures"] <= 150  # a machine that is slow misses some
    assert figures["faces"] > 0.9 * figures["pictures"]
    assert set(figures["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert (figures["anticipated"] is None) == (verb == "mimic")
    assert {"mouth_r", "width_r", "brows_r", "eyes_r", "lag_ms"} <= set(figures["alike"])
    assert figures["alike"]["mouth_r"] > 0.5


def test_a_film_without_a_face_leaves_the_twin_at_rest(make_sound) -> None:
    wall = make_sound("wall.mp4", "-pix_fmt", "yuv420p", source="color=gray:size=320x240:duration=1:rate=25")
    ended = run("mimic", "--camera", wall)
    assert ended.returncode == 0, ended.stderr
    assert "without a face" in ended.stderr


def test_one_picture_makes_no_film_and_none_is_told_of(make_sound, tmp_path: Path) -> None:
    still = make_sound("still.png", "-frames:v", "1", source="color=gray:size=320x240")
    ended = run("mimic", "--camera", still.parent, "--video", tmp_path / "film.mp4", "--json", tmp_path / "run.json")
    assert ended.returncode == 0, ended.stderr
    assert "no film: the camera gave less than two pictures" in ended.stderr
    assert f"wrote {tmp_path}/run.json" in ended.stderr.replace("\n", "")
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--camera", "61"], "/dev/video61: there is no such camera or file"),
        (["--camera", "/nowhere.mp4"], "/nowhere.mp4: not a video that FFmpeg can read"),
        (["--camera", "61", "--port", "/dev/nowhere", "--video", "out.mp4"], "--video films the twin: leave out --port"),
        (["--camera", "61", "--robot", HEAD, "--port", "/dev/nowhere"], "/dev/nowhere: no such port"),
        (["--camera", "61", "--inverse", "my.onnx"], "--inverse and --face belong together"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], says: str) -> None:
    ended = run("mimic", *arguments)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_ctrl_c_leaves_the_face_at_neutral(person: Path) -> None:
    process = subprocess.Popen([COMMAND, "mimic", "--camera", str(person)], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    while "lipsync-robot" not in process.stderr.readline():
        pass
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; the face is at neutral" in said
