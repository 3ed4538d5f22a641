"""`--json FILE.json` writes a verb's report, `--json` alone prints it, and no file of another kind is taken for one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("alone", [["BAG", "--deterministic", "--json"], ["--json", "--deterministic", "BAG"]])
def test_alone_it_prints_the_report_and_nothing_else(here: Callable, bag: Path, tmp_path: Path, alone: list[str]) -> None:
    ended = here(tmp_path, "replay", *(str(bag) if word == "BAG" else word for word in alone))
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["commands"] == 128
    assert not list(tmp_path.iterdir())


def test_a_recording_is_not_written_over(here: Callable, tmp_path: Path) -> None:
    """Who says so means the recording that is to be spoken."""
    (tmp_path / "hello.wav").write_bytes(b"RIFF")
    ended = here(tmp_path, "speak", "--json", "hello.wav")
    assert ended.returncode == 2
    assert "--json hello.wav: name a file that ends in .json, or put --json last to print the report." in ended.stderr
    assert (tmp_path / "hello.wav").read_bytes() == b"RIFF"
