"""`lipsync-robot train predictor` and `evaluate predictor`: the face to come, learned and scored."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from .. import settings
from ..errors import BadInputError
from ..resources import resource
from .evaluate import Json, figure, figure_table, wide_console
from .files import to_write

if TYPE_CHECKING:
    from ..learning.expressions import Clip
    from ..learning.predictor import PredictorConfig

TRAINING = "config/train/predictor.yaml"

Followed = Annotated[Path, typer.Argument(metavar="DIR", help="Where `data expressions` put its faces.")]
Changes = Annotated[list[str] | None, typer.Argument(help="Settings to change, such as seed=1.")]
Config = Annotated[Path | None, typer.Option(help=f"Settings; {TRAINING} if left out.")]
Without = Annotated[str, typer.Option(metavar="NAMES", help="People of DIR to leave alone, with commas between them.")]
Also = Annotated[list[Path] | None, typer.Option(help="Another such DIR to learn from; may be given again.")]


def train(
    folder: Followed,
    changes: Changes = None,
    also: Also = None,
    without: Without = "",
    config: Config = None,
    model: Annotated[Path, typer.Option(dir_okay=False, callback=to_write, help="The ONNX model to write.")] = Path(
        "models/predictor.onnx"
    ),
    json_output: Json = False,
) -> None:
    """Trains the network that foretells an expression from its onset. A minute on one core.

    Keep people to score it on: name them with --without.
    """
    from ..learning import export, predictor

    loaded = configured(config, changes)
    clips, more = _clips(folder, without), _more(also)
    export.predictor(predictor.train(loaded, clips + more), loaded.signs, model)
    people = sorted({clip.person for clip in clips + more})
    figures = {"people": len(people), "expressions": _count(loaded, clips + more), "bytes": model.stat().st_size}
    if json_output:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:24s}{value:8d}")


def evaluate(
    folder: Followed,
    changes: Changes = None,
    people: Annotated[str, typer.Option(metavar="NAMES", help="To score, with commas; everybody if left out.")] = "",
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Train anew for each of them, on all others: no model is needed.")
    ] = False,
    without: Without = "",
    also: Also = None,
    model: Annotated[Path | None, typer.Option(help="The model; the package's if left out.")] = None,
    config: Config = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: error of each landmark, and the lead.")] = None,
    json_output: Json = False,
) -> None:
    """Streams clips through the predictor and scores what it foretold, beside what needs no training.

    The baselines learn from all others in DIR and --also. People that the model was
    trained on flatter it: score those that were kept from it with --people, or all
    with --leave-one-out.
    """
    from ..learning import predictor_evaluation as scores
    from ..vision.expression import Predictor

    loaded = configured(config, changes)
    if leave_one_out and model:
        raise BadInputError("--leave-one-out trains its own models: leave out --model.")
    clips, more = _clips(folder, without), _more(also)
    wanted = _names(people, clips, folder) or sorted({clip.person for clip in clips})
    if leave_one_out:
        result = scores.left_out(loaded, wanted, clips, more)
    else:
        running = Predictor(model or resource("models/predictor.onnx"))
        others = [clip for clip in clips + more if clip.person not in wanted]
        if not others:
            raise BadInputError("Nobody is left for the baselines to learn from: name fewer --people, or give --also.")
        tested = scores.watch([clip for clip in clips if clip.person in wanted], running, loaded.signs, loaded.limits)
        result = scores.scored(tested, scores.watch(others, running, loaded.signs, loaded.limits))
    report = scores.report(result)
    if json_output:
        print(json.dumps(report, indent=2))
    else:
        _show(report)
    if picture:
        from ..learning import predictor_pictures

        picture.parent.mkdir(parents=True, exist_ok=True)
        predictor_pictures.evaluation(picture, result)
        Console(stderr=True, highlight=False).print(escape(f" wrote {picture}"))


def configured(config: Path | None = None, changes: list[str] | None = None) -> "PredictorConfig":
    from ..learning.predictor import PredictorConfig

    return settings.load(PredictorConfig, config or resource(TRAINING), changes or [])


def _clips(folder: Path, without: str) -> "list[Clip]":
    from ..learning import expressions

    clips = expressions.load(folder)
    away = _names(without, clips, folder)
    return [clip for clip in clips if clip.person not in away]


def _more(folders: list[Path] | None) -> "list[Clip]":
    from ..learning import expressions

    return [clip for folder in folders or () for clip in expressions.load(folder)]


def _names(text: str, clips: "list[Clip]", folder: Path) -> list[str]:
    """What stands between commas, all of them people of the clips. Raises BadInputError."""
    names, there = [name.strip() for name in text.split(",") if name.strip()], {clip.person for clip in clips}
    for name in names:
        if name not in there:
            raise BadInputError(f"{folder}: shows nobody called {name!r}. There are: {', '.join(sorted(there))}.")
    return names


def _count(config: "PredictorConfig", clips: "list[Clip]") -> int:
    from ..learning.expressions import expressions

    return sum(len(expressions(clip, config.signs, config.limits)[0]) for clip in clips)


def _show(report: dict[str, Any]) -> None:
    console = wide_console()
    missed, people, minutes = report["sequences_missed"], len(report["people"]), report["minutes"]
    console.print(f" {report['sequences']} expressions told and {missed} missed, people {people}; {minutes:.1f} min")
    table = figure_table("error at the peak, cm", "mean", "95 %")
    for name, value in {"predictor": report["predictor"], **report["baselines"]}.items():
        low, high = report["intervals"][name]
        table.add_row(name, figure(value), f"{figure(low)}…{figure(high)}")
    console.print(table)
    low, high = report["intervals"]["improvement_over_best_baseline"]
    gain = f"{report['improvement_over_best_baseline']:+.1%} over {report['best_baseline'].replace('_', ' ')}"
    console.print(f" {gain} ({low:.1%}…{high:.1%} in 95 of 100 other draws of people)")
    lead = report["lead_ms"]
    console.print(f" lead {lead['median']:.0f} ms (10 % below {lead['p10']:.0f}, 10 % above {lead['p90']:.0f})")
    false, never = report["false_fires_per_minute"], report["missed_fires_per_minute"]
    console.print(f" {false:.1f} false and {never:.1f} missed onsets a minute")
    methods = ("predictor", *report["baselines"])
    persons = figure_table("people", "expressions", *(name.replace("_", " ") for name in methods))
    for person, figures in report["people"].items():
        persons.add_row(person, str(figures["sequences"]), *(figure(figures[name]) for name in methods))
    console.print(persons)
