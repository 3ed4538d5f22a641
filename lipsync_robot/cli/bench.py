"""`lipsync-robot bench`: how fast, how punctual and how cheap the stack is on this machine, beside its alternatives."""

import os
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from .files import room_for
from .json_report import JsonReport, write_report
from .usage import processor, versions

SHORTEST_S = 2.0
FACES = (2, 4, 6, 8)  # that speak at once
Figures = dict[str, Any]


def bench(
    seconds: Annotated[
        float, typer.Option(min=SHORTEST_S, help="Of speech that each run of the graph is measured over.")
    ] = 30.0,
    runs: Annotated[int, typer.Option(min=1, help="How often the graph is measured; figures are the median of all.")] = 3,
    json_file: JsonReport = None,
    report: Annotated[Path | None, typer.Option(help="Write a page of it, Markdown, with a picture beside it.")] = None,
) -> None:
    """How fast, punctual and cheap the stack is on this machine, beside its alternatives, measured in one go.

    The graph speaks in real time in front of a virtual servo controller, first in one process, then each node in its own; then
    each network is timed alone. Leave the machine alone meanwhile: some twenty minutes. Examples:

      lipsync-robot bench --json out/bench.json --report out/bench.md

      lipsync-robot bench --seconds 5 --runs 1
    """
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))  # nobody else's robot
    console = Console(stderr=True, highlight=False)
    written = room_for(json_file, report)
    figures = measured(seconds, runs, lambda words: console.print(f" [dim]{words}[/dim]"))
    table(console, figures)
    write_report(json_file, figures)
    if report:
        from .bench_report import write

        write(report, figures)
    if written:
        console.print(f" wrote {', '.join(map(str, written))}")


def measured(seconds: float, runs: int, say: Callable[[str], None]) -> Figures:
    """Everything, one after the other; say: is told what is measured now. Raises bench_graph.BenchError."""
    from ..audio.mel import lookahead_s
    from ..inference import Network
    from ..resources import resource
    from . import bench_graph, bench_parts
    from .bench_graph import Plan

    ahead = lookahead_s(int(Network(resource("models/audio2landmark.onnx")).metadata["lookahead"]))

    def graph(words: str, plan: Plan, times: int = 1) -> Figures:
        found = []
        for i in range(times):
            say(f"{words}{f', run {i + 1} of {times}' if times > 1 else ''}")
            found.append(bench_graph.measure(plan, seconds, ahead))
        return middle(found)

    def perhaps(words: str, plan: Plan) -> Figures | None:
        """None where the graph falls behind until nothing is in time any more."""
        try:
            return graph(words, plan)
        except bench_graph.BenchError:
            return None

    figures: Figures = {
        "lookahead_ms": 1000 * ahead,
        "seconds": seconds,
        "runs": runs,
        "composed": graph("all nodes in one process", Plan(), runs),
        "processes": graph("each node a process", Plan(composed=False), runs),
        "composed_with_twin": graph("in one process with the twin's physics", Plan(twin=True), runs),
        "stages_ms": graph("stage by stage", Plan(stages=True))["stages_ms"],
        "as_shipped": graph("motion held back until its sound is heard, as shipped", Plan(at_once=False)),
    }
    figures["executors"] = {"TurnExecutor": figures["composed"]}
    for name in ("SingleThreadedExecutor", "MultiThreadedExecutor"):
        figures["executors"][name] = perhaps(f"in one process under rclpy's {name}", Plan(executor=name))
    figures["faces"] = {str(faces): perhaps(f"{faces} faces at once", Plan(faces=faces)) for faces in FACES}
    say("each part alone")
    with TemporaryDirectory(prefix="lipsync-bench-") as folder:
        figures |= bench_parts.parts(Path(folder))
    return figures | {"cores": os.cpu_count(), "processor": processor(), "versions": versions()}


def middle(found: list[Figures]) -> Figures:
    """The median of each figure over all runs, and the runs themselves."""

    def of(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: of([value[key] for value in values]) for key in values[0]}
        return statistics.median(values)

    return found[0] if len(found) == 1 else of(found) | {"each": found}


def table(console: Console, figures: Figures) -> None:
    """The running graph a line each, then the parts."""
    rows = {
        "one process": figures["composed"],
        "a process each": figures["processes"],
        "one, with twin": figures["composed_with_twin"],
        "one, held back": figures["as_shipped"],
        "SingleThreaded": figures["executors"]["SingleThreadedExecutor"],
        "MultiThreaded": figures["executors"]["MultiThreadedExecutor"],
    } | {f"worst of {faces}": row for faces, row in figures["faces"].items()}
    shown = Table(box=None, header_style="bold", title=f"sound to wire, ms, + {figures['lookahead_ms']:.0f} look-ahead")
    shown.add_column("", no_wrap=True)
    for column in ("p50", "p99", "p99.9", "max", "jitter", "missed", "CPU %", "MB", "starts"):
        shown.add_column(column, justify="right", no_wrap=True)
    for name, row in rows.items():
        if row is None:
            shown.add_row(name, *["-"] * 9)
            continue
        late = [f"{row['latency_ms'][key]:.1f}" for key in ("p50", "p99", "p999", "max")]
        cost = [f"{row['cpu_percent_of_one_core']:.0f}", f"{row['rss_mb']:.0f}", f"{row['first_motion_s']:.1f}"]
        shown.add_row(name, *late, f"{row['jitter_ms']:.1f}", f"{row['missed_deadlines']:.0f}", *cost)
    console.print(shown)
    console.print(" held back: until its sound is heard, as shipped; the others send motion as soon as it is known")
    if None in rows.values():
        console.print(" -: falls behind its sound until nothing is in time any more")
    if figures["runs"] > 1:
        for name in ("composed", "processes"):
            each = "  ".join(f"{run['latency_ms']['p50']:.1f}/{run['latency_ms']['p99']:.1f}" for run in figures[name]["each"])
            console.print(f" {name:<18} p50/p99 of each run   {each}")
    stages = "   ".join(f"{name} {took['p50']:.1f}" for name, took in figures["stages_ms"].items())
    console.print(f" stages, ms p50     {stages}")
    console.print(f" alone, ms          {'   '.join(f'{name} {took:.3f}' for name, took in figures['ms'].items())}")
    speech, inverse, training = figures["speech"], figures["inverse"], figures["training"]
    console.print(f" speech network     {speech['real_time_factor']:.3f} of real time on one thread")
    if training:
        console.print(
            f"                    {speech['streaming_vs_sliced']:.1f} x cheaper than over slices "
            f"({speech['streaming_vs_sliced_float32']:.1f} x in float32)"
        )
        console.print(f"                    {speech['onnx_vs_torch']:.1f} x cheaper than torch")
        console.print(f" inverse model      {inverse['speedup_vs_nearest_neighbour']:.1f} x faster than the nearest neighbour")
        console.print(f" preparing data     {training['prepared_pictures_per_s']:.0f} pictures/s a core")
        told = "   ".join(f"{name} {rate:.0f} s/s" for name, rate in training["speech_s_per_s"].items())
        console.print(f" training, 1 thread {told} of speech")
    else:
        console.print(" slices, torch, nearest neighbour, training: not measured without requirements-train.txt")
