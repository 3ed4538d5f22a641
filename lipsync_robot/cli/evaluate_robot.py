"""`lipsync-robot evaluate robot` and `evaluate inverse`: how well the twin copies people, how well its model knows it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from ..errors import BadInputError
from ..motors import description
from ..resources import resource
from .evaluate import Corpus, Json, Prepared, Split, clips_of, figure, figure_table, wide_console
from .files import mp4, room_for
from .robots import TWIN, robot_file

if TYPE_CHECKING:
    from ..learning import closed_loop
    from ..learning.babble import Babble
    from ..motors.description import Robot

EXACT, CAMERA, FACE = "models/twin_inverse.onnx", "models/twin_inverse_camera.onnx", "models/twin_face_camera.npz"
LANDMARKS = ("landmark_error", "landmark_error_one_look", "landmark_error_human")
PER_PERSON = ("aperture_r", "width_r", *LANDMARKS, "lag_ms", "closure_recall")

Babbled = Annotated[Path | None, typer.Option(help="Folder of `lipsync-robot babble` that the nearest neighbour looks up.")]


def robot(
    corpus: Corpus,
    prepared: Prepared,
    split: Split = "test",
    babble: Babbled = None,
    model: Annotated[Path | None, typer.Option(help="Inverse model; the package's of what a camera sees if left out.")] = None,
    face: Annotated[
        Path | None, typer.Option(help="The robot's face and reach; the package's, as a camera sees them, if left out.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Expression mapping network to retarget with; equation 1 if left out.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Copy so many clips, from all over the split; 0: all.")] = 0,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: mean error of each landmark.")] = None,
    video: Annotated[Path | None, typer.Option(help="MP4 to write: human and twin side by side, with sound.")] = None,
    json_output: Json = False,
) -> None:
    """The twin copies the people of a split, through its guard, servos and camera; what FaceMesh then sees is scored."""
    from ..face.mapping import Mapping
    from ..face.profile import UNKNOWN, HumanFace
    from ..face.retarget import Retarget, RobotFace
    from ..learning import babblers, robot_evaluation
    from ..learning.closed_loop import ClosedLoop, Standing, twin
    from ..learning.robot_evaluation import Chain
    from ..motors.inverse import InverseModel
    from ..vision.facemesh import FaceMesh, SteadyLook

    written = room_for(picture, mp4(video))
    described = description.load(robot_file(TWIN))
    reach = RobotFace.load(face or resource(FACE))

    def retarget(calm: np.ndarray) -> "closed_loop.Retarget":
        return Mapping(mapping, reach) if mapping else Retarget(HumanFace(calm, UNKNOWN), reach)

    chain = Chain(retarget, reach.static, InverseModel(model or resource(CAMERA), described.names))
    known = _babble(babble, described) if babble else None
    found = clips_of(corpus, prepared, split)
    data = list(found.sample(limit) if limit else found)
    with twin(described, babblers.WIDTH, babblers.HEIGHT) as body:
        loop, standing = ClosedLoop(body, FaceMesh()), Standing(body, SteadyLook())
        ours = robot_evaluation.copies(loop, standing, data, chain, "copying")
        methods = {"robot": ours, "static": robot_evaluation.still(ours)}
        if known:
            methods["random"] = robot_evaluation.at_random(ours, known)
            looked_up = chain.looked_up(known)
            methods["nearest_neighbour"] = robot_evaluation.copies(loop, standing, data, looked_up, "by nearest neighbour")
    result = robot_evaluation.report(methods)
    if json_output:
        print(json.dumps(result, indent=2))
    else:
        _show(result)
    if written:
        from ..learning import robot_pictures

        if picture:
            robot_pictures.landmark_errors(picture, robot_evaluation.landmark_errors(methods), reach.static)
        if video:
            robot_pictures.film(video, corpus, described, data, chain)
        _tell(written)


def inverse(
    samples: Annotated[int, typer.Option(min=1, help="Fresh poses of the whole face to score on.")] = 400,
    exact: Annotated[Path | None, typer.Option(help="Model of the twin's own vertices; the package's if left out.")] = None,
    camera: Annotated[Path | None, typer.Option(help="Model of what its camera sees; the package's if left out.")] = None,
    babble_exact: Babbled = None,
    babble_camera: Babbled = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: mean error of each motor.")] = None,
    json_output: Json = False,
) -> None:
    """Asks both inverse models of the twin for poses that nobody ever saw, beside a nearest neighbour and chance.

    Without a babble for the nearest neighbour, the twin babbles 2000 poses first.
    """
    from ..learning import unseen
    from ..learning.babble import Source
    from ..motors.inverse import InverseModel

    written = room_for(picture)
    described = description.load(robot_file(TWIN))
    models: dict[Source, InverseModel] = {
        "exact": InverseModel(exact or resource(EXACT), described.names),
        "camera": InverseModel(camera or resource(CAMERA), described.names),
    }
    folders: dict[Source, Path | None] = {"exact": babble_exact, "camera": babble_camera}
    babbles = {source: _babble(folder, described, source) if folder else None for source, folder in folders.items()}
    scored = {source: unseen.scores(described, source, models[source], babbles[source], samples) for source in models}
    figures = {source: scores.figures() for source, scores in scored.items()}
    if json_output:
        print(json.dumps(figures, indent=2))
    else:
        table = figure_table("errors: share of the range", *figures)
        for name in figures["exact"]:
            table.add_row(name, *(figure(each[name]) for each in figures.values()))
        wide_console().print(table)
    if picture:
        from ..learning import robot_pictures

        robot_pictures.motor_errors(picture, scored, described.names)
        _tell(written)


def _babble(folder: Path, robot: "Robot", source: str | None = None) -> "Babble":
    """A babble of this robot, looked at in this way. Raises BadInputError."""
    from ..learning.babble import Babble

    data = Babble.load(folder)
    if data.plan.motors != robot.names:
        raise BadInputError(f"{folder}: was babbled with the motors {', '.join(data.plan.motors)}, which {robot.name} has not.")
    if source and data.plan.source != source:
        raise BadInputError(f"{folder}: was babbled with --source {data.plan.source}. Name one with --source {source}.")
    return data


def _tell(written: list[Path]) -> None:
    Console(stderr=True, highlight=False).print(escape(f" wrote {', '.join(map(str, written))}"))


def _show(result: dict[str, Any]) -> None:
    """The figures beside their baselines, then person by person."""
    console = wide_console()
    lost = f"{result['faces_lost']} of {result['frames']} faces lost"
    console.print(f" clips {result['clips']}, people {len(result['people'])}, {lost}; errors cm, lag ms")
    beside = result["baselines"]
    overall = figure_table("", "robot", "95 %", *(name.replace("_", " ") for name in beside))
    for name, (low, high) in result["interval"].items():
        others = (figure(figures[name]) for figures in beside.values())
        overall.add_row(name, figure(result[name]), f"{figure(low)}…{figure(high)}", *others)
    console.print(overall)
    people = figure_table("people", "clips", *(name.replace("_", " ") for name in PER_PERSON))
    for person, figures in result["people"].items():
        people.add_row(person, str(figures["clips"]), *(figure(figures[name]) for name in PER_PERSON))
    console.print(people)
    for sentence in result["left_out"]:
        console.print(f" left out {sentence}")
