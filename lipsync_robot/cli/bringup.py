"""`lipsync-robot bringup`: a robot that is ready to speak, in one process, until Ctrl-C."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..resources import resource
from .robots import TWIN, Face, Inverse, Namespace, Port, RobotOption, of_robot, where

NODES = ["motor_driver", "inverse_model", "retarget", "audio2landmark", "speaker", "say"]  # as in bringup.launch.py
REFRESH_S = 1.0


def bringup(
    robot: RobotOption = TWIN,
    port: Port = None,
    inverse: Inverse = None,
    face: Face = None,
    namespace: Namespace = "",
    config: Annotated[
        Path | None, typer.Option(envvar="LIPSYNC_CONFIG", help="Settings of all nodes, instead of the package's speak.yaml.")
    ] = None,
) -> None:
    """A robot that says what it is told to, until Ctrl-C. With no --port it is the twin. Examples:

    lipsync-robot bringup

    lipsync-robot bringup --robot my_robot.yaml --port /dev/ttyACM0 --inverse my.onnx --face my.npz

    lipsync-robot say "Good morning"        # in another terminal
    """
    from ..nodes.composed import composed

    console = Console(stderr=True, highlight=False)
    overrides = of_robot(robot, port, inverse, face)
    names = (["twin"] if port is None else []) + NODES
    with composed(names, config or resource("config/speak.yaml"), overrides, namespace=namespace) as composition:
        driver = composition.nodes["motor_driver"].driver
        console.print(f" [bold]lipsync-robot[/bold]  {where(overrides)}")
        console.print(" ready to say; Ctrl-C ends it")
        try:
            while True:
                composition.spin(REFRESH_S)
        except KeyboardInterrupt:
            pass
    console.print(" stopped; the face is at neutral" if driver.at_neutral else " stopped; the servos were out of reach")
