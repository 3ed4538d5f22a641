"""`lipsync-robot evaluate`: how good the models are, as figures for programs, tables for people, a picture and a film."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import BadInputError
from ..face.landmarks import CANONICAL
from ..resources import resource
from .files import mp4, room_for

if TYPE_CHECKING:
    from ..learning.clips import Clips
    from ..speech.audio2landmark import Audio2Landmark

app = typer.Typer(help="How good the models are, on people they never met.", no_args_is_help=True, add_completion=False)

MOST_TRAINING = 1000  # clips that the baselines learn from
PLAIN_WIDTH = 110  # characters, of a table that goes to a file or a program
PER_GROUP = ("aperture_r", "aperture_r_in_speech", "width_r", "closure_recall", "closure_precision", "D_PL", "D_AL", "lag_ms")
COMPARED = ("D_P", "D_V", "D_PL", "D_VL", "D_AL", "D_AE", "aperture_r", "width_r", "closure_recall", "false_alarms")

TRAINING, ABLATIONS = "config/train/audio2landmark.yaml", "config/train/ablations.yaml"

Corpus = Annotated[Path, typer.Option("--data", help="The corpus, with its splits.tsv or clips.tsv.")]
Prepared = Annotated[Path, typer.Option(help="Where `data prepare` put it.")]
Split = Annotated[str, typer.Option(help="The split to score.")]
ApcRun = Annotated[Path, typer.Option("--apc", help="The run of `train apc` to build on.")]
Apc = Annotated[Path | None, typer.Option(help="APC model; apc.onnx beside MODEL, or else the package's, if left out.")]
Model = Annotated[Path | None, typer.Option(help="audio2landmark model; the package's if left out.")]
Config = Annotated[Path | None, typer.Option(help=f"Settings of the training; {TRAINING} if left out.")]
Changes = Annotated[list[str] | None, typer.Argument(help="Settings to change, such as epochs=10.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@app.command("audio2landmark")
def audio2landmark(
    corpus: Corpus,
    prepared: Prepared,
    split: Split = "test",
    apc: Apc = None,
    model: Model = None,
    train_corpus: Annotated[
        Path | None,
        typer.Option("--train-data", help="The corpus whose `train` split the baselines learn from; --data's if left out."),
    ] = None,
    train_prepared: Annotated[Path | None, typer.Option(help="Where `data prepare` put that.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Column of the corpus's table to group by; `language`, where there is one, if left out.")
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: mouth openings over time.")] = None,
    video: Annotated[Path | None, typer.Option(help="MP4 to write: true and predicted faces side by side, with sound.")] = None,
    json_output: Json = False,
) -> None:
    """Scores the models as they run, hop by hop through ONNX Runtime, against the true faces of a split."""
    if (train_corpus is None) != (train_prepared is None):
        raise BadInputError("--train-data and --train-prepared belong together: give both, or neither.")
    written = room_for(picture, mp4(video))
    from ..learning import evaluation
    from ..learning.clips import load_split
    from ..learning.corpus import table

    network = _speech(apc, model)
    data = clips_of(corpus, prepared, split)
    training = load_split(train_corpus or corpus, train_prepared or prepared, "train").sample(MOST_TRAINING)
    rows = table(corpus) or {}
    groups = _groups({name: row.columns for name, row in rows.items()}, group, [place.name for place in data.places])
    persons = [place.person for place in data.places]
    predictions = evaluation.predictions(network.displacements, data, network.lookahead)
    result = evaluation.report(data, predictions, training, {"speakers": persons, **groups})
    result["not_prepared"] = sum(row.split == split for row in rows.values()) - len(data) if rows else 0
    if json_output:
        print(json.dumps(result, indent=2))
    else:
        show(result, ["speakers", *groups])
    if written:
        from ..learning import drawing

        shown = [(data[i], predictions(i)) for i in drawing.one_each(persons)]
        if picture:
            drawing.openings(picture, shown)
        if video:
            drawing.film(video, corpus, shown)
        Console(stderr=True, highlight=False).print(escape(f" wrote {', '.join(map(str, written))}"))


@app.command("ablations")
def ablations(
    corpus: Corpus,
    prepared: Prepared,
    config: Annotated[
        Path | None,
        typer.Option(help=f"What all share, and what differs in each; {ABLATIONS} if left out."),
    ] = None,
    split: Split = "test",
    apc_run: ApcRun = Path("runs/apc"),
    output: Annotated[Path, typer.Option(help="A folder for a run of each; those in it are not trained again.")] = Path(
        "runs/ablations"
    ),
    json_output: Json = False,
) -> None:
    """Trains and scores the seeds' variants: with and without APC, attention, pooling, weights on parts, standardising."""
    from ..learning import comparisons

    data = clips_of(corpus, prepared, split)
    _compare(
        comparisons.ablations(comparisons.variants(config or resource(ABLATIONS)), apc_run, output, data),
        json_output,
    )


@app.command("lookahead")
def lookahead(
    corpus: Corpus,
    prepared: Prepared,
    changes: Changes = None,
    config: Config = None,
    milliseconds: Annotated[str, typer.Option(help="Look-aheads to train, half window of 20 ms included; 0 is as 20.")] = (
        "20,40,60,80,160,300"
    ),
    split: Split = "test",
    apc_run: ApcRun = Path("runs/apc_phones"),
    output: Annotated[Path, typer.Option(help="A folder for a run of each; those in it are not trained again.")] = Path(
        "runs/lookahead"
    ),
    picture: Annotated[Path | None, typer.Option(help="PNG to write: the curve.")] = None,
    json_output: Json = False,
) -> None:
    """Trains and scores one network at several look-aheads: what waiting for more sound is worth."""
    from .. import settings
    from ..learning import comparisons, drawing
    from ..learning.audio2landmark import Audio2LandmarkConfig

    room_for(picture)
    try:
        hops = sorted({max(0, round(float(text) / 20) - 1) for text in milliseconds.split(",")})
    except ValueError:
        raise BadInputError(f"--milliseconds {milliseconds!r}: give numbers with commas between, such as 20,60,160.") from None
    loaded = settings.load(Audio2LandmarkConfig, config or resource(TRAINING), changes or [])
    figures = comparisons.lookaheads(loaded, hops, apc_run, output, clips_of(corpus, prepared, split))
    _compare(figures, json_output)
    if picture:
        drawing.curve(picture, [float(at) for at in figures], [each["aperture_r"] for each in figures.values()])


@app.command("left-out")
def left_out(
    changes: Changes = None,
    config: Config = None,
    always: Annotated[list[str] | None, typer.Option(help="A person who is always trained on; may be given again.")] = None,
    apc_run: ApcRun = Path("runs/apc_phones"),
    output: Annotated[Path, typer.Option(help="A folder for a run of each; those in it are not trained again.")] = Path(
        "runs/left_out"
    ),
    json_output: Json = False,
) -> None:
    """Trains once for each person of the first corpus, on all others, and scores what it says of them.

    Clips of splits whose name ends in _seen tell the best epoch, and nothing else:
    they are of people trained on. In GRID one man has these and nearly all others:
    name him with --always s1.
    """
    from .. import settings
    from ..learning import comparisons
    from ..learning.audio2landmark import Audio2LandmarkConfig

    loaded = settings.load(Audio2LandmarkConfig, config or resource(TRAINING), changes or [])
    result = comparisons.left_out(loaded, always or [], apc_run, output)
    if json_output:
        print(json.dumps(result, indent=2))
        return
    low, high = result["overall_interval"]["aperture_r"]
    _compare({"overall": result["overall"], "chance": result["chance"], **result["speakers"]}, False)
    wide_console().print(f" aperture_r {figure(low)}…{figure(high)} in 95 of 100 other draws of people")


@app.command("adaptation")
def adaptation(
    corpus: Corpus,
    prepared: Prepared,
    split: Split = "test",
    runs: Annotated[
        list[Path] | None,
        typer.Option("--run", help="Of `train audio2landmark`, to adapt: runs/audio2landmark; several to be averaged."),
    ] = None,
    apc_run: ApcRun = Path("runs/apc_phones"),
    seconds: Annotated[float, typer.Option(help="Of each person's video to learn from; the rest is scored.")] = 15.0,
    json_output: Json = False,
) -> None:
    """What `lipsync-robot adapt` brings each person of a split, on clips that it did not learn from."""
    from ..learning import comparisons

    result = comparisons.adaptation(runs or [Path("runs/audio2landmark")], apc_run, clips_of(corpus, prepared, split), seconds)
    if json_output:
        print(json.dumps(result, indent=2))
    else:
        times = ("before", "after")
        both = {f"{name} {when}": figures for when in times for name, figures in result[when]["speakers"].items()}
        _compare({when: result[when]["overall"] for when in times} | dict(sorted(both.items())), False)
        low, high = result["gained_interval"]["aperture_r"]
        wide_console().print(f" aperture_r gains {low:+.3f}…{high:+.3f} in 95 of 100 other draws of clips")
        _show_left_out(wide_console(), result)


@app.command("robustness")
def robustness(
    corpus: Corpus,
    prepared: Prepared,
    split: Split = "test",
    voices: Annotated[
        list[Path] | None, typer.Option(help="A folder of speech without faces, in any language; may be given again.")
    ] = None,
    apc: Apc = None,
    model: Model = None,
    json_output: Json = False,
) -> None:
    """The same clips softer, louder, in noise and in a room; how lips move to other voices, and to what is no speech."""
    from ..learning import robustness

    network = _speech(apc, model)
    predict, data = network.displacements, clips_of(corpus, prepared, split)
    worse = robustness.conditions(predict, corpus, data, network.lookahead)
    opened = robustness.opened(predict, robustness.not_speech(), resource("samples/avonlea.opus"))
    spoken = {folder.name: robustness.looks_like_speech(predict, folder, network.lookahead) for folder in voices or ()}
    if json_output:
        print(json.dumps({"conditions": worse, "opened": opened, "voices": spoken}, indent=2))
        return
    _compare(worse, False)
    mouths = figure_table("mean opening, of the wide opening of speech", "")
    for name, share in opened.items():
        mouths.add_row(name, figure(share))
    wide_console().print(mouths)
    rhythm = figure_table("voices", "files", "openings a second", "closed in pauses", "saturated")
    for name, each in spoken.items():
        rhythm.add_row(name, str(each["files"]), *map(figure, list(each.values())[1:]))
    wide_console().print(rhythm)


def clips_of(corpus: Path, prepared: Path, split: str) -> "Clips":
    """The prepared clips of a split, at least one."""
    from ..learning.clips import load_split

    found = load_split(corpus, prepared, split)
    if not len(found):
        raise BadInputError(
            f"{prepared}: no clip of split {split!r}. Choose one that {corpus}'s table names, "
            f"or run: lipsync-robot data prepare {corpus} --output {prepared}"
        )
    return found


def _speech(apc: Path | None, model: Path | None) -> "Audio2Landmark":
    from ..speech.audio2landmark import Audio2Landmark, apc_of

    model = model or resource("models/audio2landmark.onnx")
    return Audio2Landmark(apc or apc_of(model), model, CANONICAL.vertices)


def _compare(figures: dict[str, dict[str, float]], as_json: bool) -> None:
    """A row of figures for each name."""
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    table = figure_table("", *(name.replace("_", " ") for name in COMPARED))
    for name, each in figures.items():
        table.add_row(name, *(figure(each[column]) for column in COMPARED))
    wide_console().print(table)


def _groups(rows: dict[str, dict[str, str]], column: str | None, names: list[str]) -> dict[str, list[str]]:
    """The report's key and the label of each clip; nothing where no column is asked for and there is no `language`."""
    wanted = column or "language"
    columns = next(iter(rows.values()), {})
    if wanted not in columns:
        if column:
            raise BadInputError(f"--group {column!r}: the corpus's table has only {', '.join(columns) or 'no columns'}.")
        return {}
    return {"languages" if wanted == "language" else f"by_{wanted}": [rows[name][wanted] for name in names]}


def show(result: dict[str, Any], groups: list[str]) -> None:
    """The figures beside what they have to be held beside, then group by group."""
    console = wide_console()
    people = len(result["speakers"])
    console.print(f" clips {result['clips']}, people {people}; cm, but D_AL and D_AE cm², jerk cm/s³, lag ms")
    beside = {"chance": result.get("chance"), **result["baselines"], "noise": result.get("noise_floor")}
    beside = {name: figures for name, figures in beside.items() if figures}
    overall = figure_table("", "model", "95 %", *beside)
    for name, value in result["overall"].items():
        low, high = result["overall_interval"][name]
        others = (figure(figures[name]) for figures in beside.values())
        overall.add_row(name, figure(value), f"{figure(low)}…{figure(high)}", *others)
    console.print(overall)
    for key in groups:
        each = figure_table(key, "clips", *(name.replace("_", " ") for name in PER_GROUP))
        for label, figures in result[key].items():
            each.add_row(label, str(figures["clips"]), *(figure(figures[name]) for name in PER_GROUP))
        console.print(each)
    if result["not_prepared"]:
        console.print(f" {result['not_prepared']} more clips of the split are not prepared, or were dropped by it")
    _show_left_out(console, result)


def _show_left_out(console: Console, result: dict[str, Any]) -> None:
    for sentence in result["left_out"]:
        console.print(f" left out {sentence}")


def wide_console() -> Console:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


def figure_table(*columns: str) -> Table:
    """Words to the left, figures to the right."""
    made = Table(columns[0], box=box.SIMPLE, padding=0, collapse_padding=True)
    for name in columns[1:]:
        made.add_column(name, justify="right")
    return made


def figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 4 else f"{value:.0f}"
