"""`lipsync-robot babble`: a robot, or the twin, finds out what its motors do to its face."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..errors import BadInputError
from ..learning.babble import Source
from ..motors import description
from .robots import TWIN, robot_file


def babble(
    robot: Annotated[str, typer.Option(help="Robot description: `twin`, or the path of a YAML file.")] = TWIN,
    samples: Annotated[int, typer.Option(min=1, help="Random poses to take, in whole chunks of 25.")] = 2500,
    output: Annotated[Path, typer.Option(help="Folder to fill. Repeat the command to go on after an interruption.")] = Path(
        "runs/babble"
    ),
    source: Annotated[
        Source, typer.Option(help="Look at pictures, at grey ones with equalised histogram, or at the twin's own vertices.")
    ] = "camera",
    seed: Annotated[int, typer.Option(help="The same seed gives the same poses.")] = 0,
    port: Annotated[str | None, typer.Option(help="A robot's serial port; find-port finds it.")] = None,
    camera: Annotated[str, typer.Option(help="What sees a robot: a camera's number or device.")] = "0",
    bag: Annotated[Path | None, typer.Option(help="Record the poses and their pictures as a rosbag2, here.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Look once more at a bag, instead of moving anything.")] = None,
    picture: Annotated[
        Path | None, typer.Option(dir_okay=False, help="PNG to write: the poses and faces that were covered.")
    ] = None,
    face: Annotated[str, typer.Option(help="Which face the twin wears: canonical or other.")] = "canonical",
    workers: Annotated[int, typer.Option(min=1, help="Twins that babble at a time, each in a process of its own.")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Moves at random, through the guard, and remembers what the face did: the data that `train inverse` learns from.

    Stands still for every look. A robot's camera, which stays where it is, sees it from the front, evenly lit.
    """
    from ..learning import babble as babbling
    from ..learning import babblers
    from ..learning import bag as bags
    from ..vision.facemesh import SteadyLook

    described = description.load(robot_file(robot))
    if source == "exact" and (bag or replay):
        raise BadInputError(
            "--source exact looks at no pictures: a bag has nothing to record or to show. Leave one of them out."
        )
    if bag and replay:
        raise BadInputError("either record a --bag or --replay one, not both.")
    is_twin = robot == TWIN and port is None
    if replay is not None:
        samples = babbling.CHUNK * bags.chunks(replay, described.names)
        chunks = babblers.replayed(described, SteadyLook(source == "grey"), replay)
    elif is_twin and bag is None:
        chunks = babblers.twins(described, source, seed, face, workers)
    elif is_twin:
        chunks = babblers.live(partial(babblers.twin, described, source, face), seed, bag)
    elif port is None:
        raise BadInputError(f"{robot}: which serial port is it on? Add --port; `lipsync-robot find-port` finds it.")
    elif source == "exact":
        raise BadInputError("--source exact: only the twin knows its own vertices. Look at a robot through a camera.")
    else:
        chunks = babblers.live(partial(babblers.real, described, source, port, camera), seed, bag)
    learned = babbling.babble(babbling.Plan.of(described, source, seed, face), output, samples, chunks)
    if picture is not None:
        from ..learning import robot_pictures

        picture.parent.mkdir(parents=True, exist_ok=True)
        robot_pictures.coverage(picture, learned)
    lost = learned.tried - len(learned.commands)
    console = Console(stderr=True, highlight=False)
    console.print(escape(f" {len(learned.commands)} poses of {described.name} in {output}" + f", {lost} lost" * (lost > 0)))
