"""`lipsync-robot babble`, `train` and `export`: from training data and servos to the weights in models/."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from .. import settings
from ..errors import BadInputError
from ..resources import resource
from .files import to_write

train = typer.Typer(
    help="Training data to networks, and to the ONNX models that the robot runs.", no_args_is_help=True, add_completion=False
)

Precision = Literal["fp32", "fp16", "int8", "int4"]
Output = Annotated[Path, typer.Option(help="Where to write.")]
Changes = Annotated[list[str] | None, typer.Argument(help="Settings to change, such as seed=1 epochs=2.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in OUTPUT.")]
Devices = Annotated[
    int, typer.Option(min=1, help="GPUs that share the work, or on a machine without one, processes. A batch stays as large.")
]
Model = Annotated[Path, typer.Option(dir_okay=False, callback=to_write, help="The ONNX model to write.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@train.command("apc")
def train_apc(
    config: Annotated[Path, typer.Argument(help="Settings, such as config/train/apc.yaml.")],
    changes: Changes = None,
    output: Output = Path("runs/apc"),
    resume: Resume = False,
    devices: Devices = 1,
) -> None:
    """Pre-trains the speech representation on voices without faces. `train audio2landmark` builds on it, and writes both."""
    from ..learning import apc

    apc.train(settings.load(apc.ApcConfig, config, changes or []), output, resume, devices)


@train.command("audio2landmark")
def train_audio2landmark(
    config: Annotated[Path, typer.Argument(help="Settings, such as config/train/audio2landmark.yaml.")],
    changes: Changes = None,
    apc_run: Annotated[Path, typer.Option("--apc", help="The run of `train apc` whose representation to build on.")] = Path(
        "runs/apc_phones"
    ),
    output: Output = Path("runs/audio2landmark"),
    model: Annotated[
        Path,
        typer.Option(
            dir_okay=False, callback=to_write, help="The ONNX model to write; apc.onnx and an int4 one of both go beside it."
        ),
    ] = Path("models/audio2landmark.onnx"),
    human_face: Annotated[Path, typer.Option(help="The face at rest that it speaks with, to write.")] = Path(
        "models/human_face.npz"
    ),
    resume: Resume = False,
    devices: Devices = 1,
) -> None:
    """Trains the network from speech to the landmarks of a face, on talking-head clips."""
    from ..face.profile import UNKNOWN, HumanFace
    from ..learning import audio2landmark

    loaded = settings.load(audio2landmark.Audio2LandmarkConfig, config, changes or [])
    trained = audio2landmark.train(loaded, apc_run, output, resume, devices)
    HumanFace(trained.static.numpy(), UNKNOWN).save(human_face)
    if loaded.network == "streaming":
        export_run([apc_run], model.with_name("apc.onnx"), apc_run)
        _export_both([output], model, apc_run)
    else:
        Console(stderr=True).print(f" trained {output}; a sliced network is for comparison, so no model is written")


@train.command("inverse")
def train_inverse(
    babbled: Annotated[Path, typer.Argument(help="The folder that `lipsync-robot babble` filled.")],
    changes: Changes = None,
    config: Annotated[Path | None, typer.Option(help="Settings; config/train/inverse.yaml if left out.")] = None,
    output: Output = Path("runs/inverse"),
    model: Model = Path("models/twin_inverse.onnx"),
    face: Annotated[Path, typer.Option(help="The robot's face at rest and its reach, to write.")] = Path(
        "models/twin_face.npz"
    ),
    json_output: Json = False,
) -> None:
    """Trains the inverse model, from robot landmarks to motor commands, and the robot's model of itself, on babble."""
    from ..learning import export, inverse, inverse_scores
    from ..learning.babble import Babble
    from ..motors.inverse import InverseModel

    loaded = settings.load(inverse.InverseConfig, config or resource("config/train/inverse.yaml"), changes or [])
    babble = Babble.load(babbled)
    learned = inverse.train(loaded, babble, output)
    export.inverse(learned.inverse, babble.plan.motors, model)
    learned.face.save(face)
    scores = inverse_scores.scores(InverseModel(model, babble.plan.motors), learned.test, learned.known)
    figures = scores.figures() | dict(zip(babble.plan.motors, map(float, scores.motors), strict=True))
    _print(figures, json_output)


@train.command("mapping")
def train_mapping(
    prepared: Annotated[list[Path], typer.Argument(help="Where `data prepare` put videos of people; one or more.")],
    corpora: Annotated[
        list[Path], typer.Option("--data", help="The corpus of each, in the same order: its table says who is in `train`.")
    ],
    babbled: Annotated[Path, typer.Option("--babble", help="The folder that `lipsync-robot babble` filled.")],
    output: Annotated[Path, typer.Option(dir_okay=False, callback=to_write, help="The weights to write.")] = Path(
        "models/twin_mapping.npz"
    ),
    config: Annotated[Path | None, typer.Option(help="Settings; config/train/mapping.yaml if left out.")] = None,
    json_output: Json = False,
) -> None:
    """Trains the network that takes off a human face what makes it a person's, in place of alpha and a profile."""
    from ..learning import clips, mapping
    from ..learning.babble import Babble

    if len(prepared) != len(corpora):
        raise BadInputError(f"{len(prepared)} prepared folders and {len(corpora)} --data: name the corpus of each.")
    splits = [clips.load_splits(*folders) for folders in zip(corpora, prepared, strict=True)]
    met, others = (
        sum((found.get(name, clips.Clips([])) for found in splits for name in names), clips.Clips([]))
        for names in (("train",), ("val", "dev"))
    )
    loaded = settings.load(mapping.MappingConfig, config or resource("config/train/mapping.yaml"))
    robot = Babble.load(babbled)
    network, scores = mapping.train(loaded, mapping.people(met), robot.landmarks, robot.static)
    mapping.save(network, output)
    _print(scores | mapping.at_rest(network, mapping.people(others)), json_output)


def export_run(
    runs: Annotated[
        list[Path], typer.Argument(help="A finished run of `train apc`; or of `train audio2landmark`, several to be averaged.")
    ],
    model: Model,
    apc_run: Annotated[Path, typer.Option("--apc", help="The APC run under an audio2landmark run.")] = Path("runs/apc_phones"),
    precision: Annotated[
        Precision, typer.Option(help="Of the weights; fp16 is half the size, int8 a quarter, int4 a sixth.")
    ] = "fp32",
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
    runs: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Of `train audio2landmark`, to go on from: runs/audio2landmark; several to be averaged."),
    ] = None,
    apc_run: Annotated[Path, typer.Option("--apc", help="The APC run under it.")] = Path("runs/apc_phones"),
    data: Annotated[
        Path | None, typer.Option(help="The folder of those videos, if its clips.tsv tells their picture_leads_ms.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Of video to learn from: whole clips until they last so long.")] = 15.0,
    output: Output = Path("runs/adapted"),
) -> None:
    """A model that opens its mouth as one person does, from some seconds of video of them."""
    from ..learning import adapt, audio2landmark, clips

    learned, _ = adapt.first_seconds(clips.load_all(prepared, data), seconds)
    own = []
    for number, run in enumerate(runs or [Path("runs/audio2landmark")]):
        own.append(output / str(number))
        audio2landmark.save(adapt.adapted(audio2landmark.load(run, apc_run), learned), own[-1])
    _export_both(own, model, apc_run)


def _export_both(runs: list[Path], model: Path, apc_run: Path) -> None:
    """The model, and beside it the one that a CPU takes for it and APC."""
    export_run(runs, model, apc_run)
    export_run(runs, model.with_stem(f"{model.stem}_int4"), apc_run, "int4")


def _print(figures: dict[str, float], as_json: bool) -> None:
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:24s}{value:8.4f}")
