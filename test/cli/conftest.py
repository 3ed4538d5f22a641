"""Servo controllers on serial ports of their own, for commands that are run as a person runs them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

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
