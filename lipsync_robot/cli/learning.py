"""`lipsync-robot babble`, `train` and `export`: from training data and servos to the weights in models/."""

import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from .. import settings
from ..errors import BadInputError
from ..motors import description
from ..resources import resource

train = typer.Typer(help="Training data to networks, and to the ONNX models that the robot runs.", no_args_is_help=True)

Precision = Literal["fp32", "fp16", "int8"]
Output = Annotated[Path, typer.Option(help="Where to write.")]
Changes = Annotated[list[str] | None, typer.Argument(help="Settings to change, such as seed=1 epochs=2.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in OUTPUT.")]
Model = Annotated[Path, typer.Option(dir_okay=False, help="The ONNX model to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@train.command("apc")
def train_apc(
    config: Annotated[Path, typer.Argument(help="Settings, such as config/train/apc.yaml.")],
    changes: Changes = None,
    output: Output = Path("runs/apc"),
    model: Model = Path("models/apc.onnx"),
    resume: Resume = False,
) -> None:
    """Pre-trains the speech representation on voices without faces."""
    from ..learning import apc, export

    export.apc(apc.train(settings.load(apc.ApcConfig, config, changes or []), output, resume), model)


@train.command("audio2landmark")
def train_audio2landmark(
    config: Annotated[Path, typer.Argument(help="Settings, such as config/train/audio2landmark.yaml.")],
    changes: Changes = None,
    apc_run: Annotated[Path, typer.Option("--apc", help="The run of `train apc` whose representation to build on.")] = Path(
        "runs/apc_phones"
    ),
    output: Output = Path("runs/audio2landmark"),
    model: Model = Path("models/audio2landmark.onnx"),
    static: Annotated[Path, typer.Option(help="The face at rest that it speaks with, to write.")] = Path(
        "models/human_static.npy"
    ),
    resume: Resume = False,
) -> None:
    """Trains the network from speech to the landmarks of a face, on talking-head clips."""
    from ..learning import audio2landmark

    loaded = settings.load(audio2landmark.Audio2LandmarkConfig, config, changes or [])
    trained = audio2landmark.train(loaded, apc_run, output, resume)
    static.parent.mkdir(parents=True, exist_ok=True)
    np.save(static, trained.static.numpy())
    if loaded.network == "streaming":
        export_run([output], model, apc_run)
    else:
        Console(stderr=True).print(f" trained {output}; a sliced network is for comparison, so no model is written")


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


def export_run(
    runs: Annotated[
        list[Path], typer.Argument(help="A finished run of `train apc`; or of `train audio2landmark`, several to be averaged.")
    ],
    model: Model,
    apc_run: Annotated[Path, typer.Option("--apc", help="The APC run under an audio2landmark run.")] = Path("runs/apc_phones"),
    precision: Annotated[Precision, typer.Option(help="Of the weights; fp16 is half the size, int8 a quarter.")] = "fp32",
    recording: Annotated[
        Path | None, typer.Option(help="Speech to compare the model with torch on; the package's if left out.")
    ] = None,
) -> None:
    """The ONNX model of finished runs, as the robot runs it; none is written if it does not do what torch does."""
    from ..learning import finished

    heard = recording or resource("samples/avonlea.opus")
    difference = finished.to_onnx(runs, apc_run, model, precision, heard)
    console = Console(stderr=True, highlight=False)
    console.print(escape(f" differs from torch by at most {difference.largest:.1e} {difference.units} on {heard.name}"))
    console.print(escape(f" wrote {model} ({precision}, {model.stat().st_size / 1e6:.1f} MB)"))


def adapt(
    prepared: Annotated[Path, typer.Argument(help="Where `data prepare` put the person's videos.")],
    model: Model,
    run: Annotated[Path, typer.Option(help="The run of `train audio2landmark` to go on from.")] = Path("runs/audio2landmark"),
    apc_run: Annotated[Path, typer.Option("--apc", help="The APC run under it.")] = Path("runs/apc_phones"),
    seconds: Annotated[float, typer.Option(help="Of video to learn from: whole clips until they last so long.")] = 15.0,
    output: Output = Path("runs/adapted"),
) -> None:
    """A model that opens its mouth as one person does, from some seconds of video of them."""
    from ..learning import adapt, audio2landmark, clips

    learned, _ = adapt.first_seconds(clips.load_all(prepared), seconds)
    audio2landmark.save(adapt.adapted(audio2landmark.load(run, apc_run), learned), output)
    export_run([output], model, apc_run)


def _print(figures: dict[str, float], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:24s}{value:8.4f}")
