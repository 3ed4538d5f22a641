"""How a robot is named at the terminal: `twin`, or the path of its YAML."""

from pathlib import Path
from typing import Annotated

import typer

from ..resources import resource

TWIN = "twin"

RobotName = Annotated[str, typer.Argument(metavar="ROBOT", help="Robot description: `twin`, or the path of a YAML file.")]


def robot_file(name: str) -> Path:
    """The YAML that a name stands for."""
    return resource("config/robots/twin.yaml") if name == TWIN else Path(name)
