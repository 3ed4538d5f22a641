"""`lipsync-robot data`, `babble` and `train`: from recordings and servos to the weights in models/."""

import json
import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from .. import settings
from ..errors import BadInputError
from ..motors import description
from ..resources import resource

data = typer.Typer(help="Recordings to training data.", no_args_is_help=True)
train = typer.Typer(help="Training data to networks, and to the ONNX models that the robot runs.", no_args_is_help=True)

Output = Annotated[Path, typer.Option(help="Where to write.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in OUTPUT.")]
Model = Annotated[Path, typer.Option(help="The ONNX model to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@data.command("prepare")
def prepare(
    corpus: Annotated[Path, typer.Argument(help="A folder with video/ and audio/, or a folder of sound files.")],
    output: Output,
    workers: Annotated[int, typer.Option(help="Processes that work at once.")] = os.cpu_count() or 1,
) -> None:
    """FaceMesh and log-mel of every clip. What is there already is kept, so an interrupted run goes on where it was."""
    console = Console(stderr=True, highlight=False)
    if (corpus / "video").is_dir():
        from ..learning import prepare as clips

        dropped = clips.prepare(corpus, output, workers)
    elif corpus.is_dir():
        from ..learning import sound

        dropped = [] if output.exists() else sound.prepare(corpus, output, workers)
    else:
        raise BadInputError(f"{corpus}: no such folder.")
    for line in dropped:
        console.print(f" dropped {line}")
    console.print(f" wrote {output}")


@train.command("apc")
def train_apc(
    config: Annotated[Path, typer.Argument(help="Settings, such as config/train/apc.yaml.")],
    output: Output = Path("runs/apc"),
    model: Model = Path("models/apc.onnx"),
    resume: Resume = False,
) -> None:
    """Pre-trains the speech representation on voices without faces."""
    from ..learning import apc, export

    export.apc(apc.train(settings.load(apc.ApcConfig, config), output, resume), model)


@train.command("audio2landmark")
def train_audio2landmark(
    config: Annotated[Path, typer.Argument(help="Settings, such as config/train/audio2landmark.yaml.")],
    apc_run: Annotated[Path, typer.Option("--apc", help="The run of `train apc` whose representation to build on.")] = Path(
        "runs/apc"
    ),
    output: Output = Path("runs/audio2landmark"),
    model: Model = Path("models/audio2landmark.onnx"),
    static: Annotated[Path, typer.Option(help="The face at rest that it speaks with, to write.")] = Path(
        "models/human_static.npy"
    ),
    resume: Resume = False,
) -> None:
    """Trains the network from speech to the landmarks of a face, on talking-head clips."""
    from ..learning import audio2landmark, export

    loaded = settings.load(audio2landmark.Audio2LandmarkConfig, config)
    trained = audio2landmark.train(loaded, apc_run, output, resume)
    export.audio2landmark(trained.representation, trained.network, loaded.lookahead, model)
    np.save(static, trained.static.numpy())


@train.command("inverse")
def train_inverse(
    babbled: Annotated[Path, typer.Argument(help="What `lipsync-robot babble` wrote.")],
    robot: Annotated[Path | None, typer.Option(help="The robot's description; the twin's if left out.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings; config/train/inverse.yaml if left out.")] = None,
    output: Output = Path("runs/inverse"),
    model: Model = Path("models/twin_inverse.onnx"),
    face: Annotated[Path, typer.Option(help="The robot's face at rest and its reach, to write.")] = Path(
        "models/twin_face.npz"
    ),
    json_output: Json = False,
) -> None:
    """Trains the network from robot landmarks to motor commands, on babble."""
    from ..face.retarget import RobotFace
    from ..learning import export, inverse
    from ..learning.babble import Babble

    described = description.load(robot or resource("config/robots/twin.yaml"))
    babble_data = Babble.load(babbled)
    loaded = settings.load(inverse.InverseConfig, config or resource("config/train/inverse.yaml"))
    network, scores = inverse.train(loaded, babble_data, output)
    export.inverse(network, described.names, model)
    RobotFace.learned(babble_data.landmarks, babble_data.static).save(face)
    _print(scores, json_output)


def babble(
    output: Output = Path("runs/babble.npz"),
    samples: Annotated[int, typer.Option(help="Random poses to take.")] = 4000,
    source: Annotated[str, typer.Option(help="`exact` (skinned vertices) or `camera` (FaceMesh on pictures).")] = "camera",
    seed: Annotated[int, typer.Option(help="The same seed gives the same poses.")] = 0,
) -> None:
    """The twin moves at random and remembers what its face did: the data that `train inverse` learns from."""
    if source not in ("exact", "camera"):
        raise BadInputError(f"--source {source!r}: choose exact or camera.")
    from ..learning import babble as babbling

    robot = description.load(resource("config/robots/twin.yaml"))
    babbling.babble(robot, samples, source, seed).save(output)  # type: ignore[arg-type]


def _print(figures: dict[str, float], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:24s}{value:8.4f}")
