"""Servo controllers on serial ports of their own, for commands that are run as a person runs them; and commands run here."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lipsync_robot.cli import main
from lipsync_robot.resources import resource
from lipsync_robot.twin.controlled import VirtualController

TWIN = yaml.safe_load(resource("config/robots/twin.yaml").read_text())


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Callable[..., VirtualController]]:
    """plug(crc=False) -> the twin's board, with that changed in its settings. It is patient with a host that is silent."""
    plugged: list[VirtualController] = []

    def plug_in(**changes: object) -> VirtualController:
        settings = tmp_path / "board.yaml"
        settings.write_text(yaml.safe_dump({**TWIN, "timeout_s": 5.0, **changes}))
        plugged.append(VirtualController(settings, tmp_path / "ttyACM0"))
        return plugged[-1]

    yield plug_in
    for board in plugged:
        board.close()


@pytest.fixture
def board(plug: Callable[..., VirtualController]) -> VirtualController:
    return plug()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., subprocess.CompletedProcess]:
    """here(folder, "train", "apc"): the command in this process, which has torch; another loads it for six seconds first."""

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["lipsync-robot", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, *capsys.readouterr())

    return run
