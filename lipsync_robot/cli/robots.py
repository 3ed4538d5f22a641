"""How a robot is named at the terminal, and what the nodes are told of it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import BadInputError
from ..motors import description
from ..motors.buses import open_bus
from ..resources import resource

TWIN = "twin"

RobotName = Annotated[str, typer.Argument(metavar="ROBOT", help="Robot description: `twin`, or the path of a YAML file.")]

RobotOption = Annotated[str, typer.Option("--robot", help="Robot description: `twin`, or the path of a YAML file.")]
Port = Annotated[str | None, typer.Option(help="Serial port of a real robot, such as /dev/ttyACM0.")]
Inverse = Annotated[Path | None, typer.Option(help="The robot's own inverse model, of `train inverse`.")]
Face = Annotated[Path | None, typer.Option(help="The robot's own face, of `train inverse`.")]

Namespace = Annotated[str, typer.Option(help="Namespace of the robot's nodes, where there is more than one robot.")]

Overrides = dict[str, dict[str, Any]]  # parameters by node, over those of the settings file


def robot_file(name: str) -> Path:
    """The YAML that a name stands for."""
    return resource("config/robots/twin.yaml") if name == TWIN else Path(name)


def of_robot(robot: str, port: str | None, inverse: Path | None, face: Path | None) -> Overrides:
    """What the nodes are told of a robot, whose port is opened once to see that it is there. Raises BadInputError."""
    if (inverse is None) != (face is None):
        raise BadInputError("--inverse and --face belong together: `train inverse` makes both. Name the other one too.")
    overrides: Overrides = {"motor_driver": {"port": port or TWIN}}
    if robot != TWIN:
        for node in ("motor_driver", "inverse_model", "twin"):
            overrides.setdefault(node, {})["robot"] = str(Path(robot).resolve())
    for node, key, path in (("inverse_model", "model", inverse), ("retarget", "robot_face", face)):
        if path is not None:
            overrides.setdefault(node, {})[key] = str(path.resolve())
    if port is not None:
        open_bus(description.load(robot_file(robot)), port).close()
        overrides["motor_driver"]["port"] = str(Path(port).absolute())  # a link in /dev/serial/by-id outlives a replug
    return overrides


def where(overrides: Overrides) -> str:
    """Which robot moves, in words."""
    port = overrides["motor_driver"]["port"]
    return "twin (Maestro on a pty)" if port == TWIN else f"servos on {port}"
