"""`lipsync-robot status`: one line a node of a running robot, live: how often, how late, what is wrong."""

import json
import os
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from ..nodes.robot_status import Report, RobotStatus

COLOURS = {"ok": "green", "warning": "yellow", "error": "red", "silent": "red"}
PATIENCE_S = 5.0  # for the first node to be found
EACH_S = 2.0  # in which every node that runs tells of itself
REFRESH_S = 0.25
WIDE = 110  # characters, on which a table has room for words
A_LINE_EACH = 1000  # characters, where nobody's terminal is the limit
FIGURES = ("rate_hz", "latency_p50_ms", "latency_p99_ms", "missed", "dropped")


def status(
    namespace: Annotated[str, typer.Option(help="Of one robot; all that are found if left out.")] = "",
    once: Annotated[bool, typer.Option("--once", help="Print it once, as is done where the output is no terminal.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print it once, as JSON.")] = False,
) -> None:
    """How do the nodes of a running robot stand? Live, until Ctrl-C.

    Latency is the age of the sound or picture behind what a node sends: at the driver,
    when it is on the wire. The exit status is 1 if a node has an error or is silent, or
    none runs. Examples:

      lipsync-robot status

      lipsync-robot status --namespace left --once --json
    """
    from ..nodes.robot_status import RobotStatus

    with closing(RobotStatus(namespace)) as robot:
        _wait(robot)
        if once or json_output or not sys.stdout.isatty():
            robot.listen(EACH_S if robot.reports() else 0)
            reports = robot.reports()
            if json_output:
                print(json.dumps([report._asdict() for report in reports], indent=2))
            elif reports:
                console = Console(highlight=False, width=None if sys.stdout.isatty() else A_LINE_EACH)
                console.print(_shown(reports, console.width))
        else:
            reports = _live(robot)
    if not reports:
        which = f" of namespace {namespace}" if namespace else ""
        print(
            f"lipsync-robot: no robot{which} runs in ROS domain {os.environ.get('ROS_DOMAIN_ID', '0')}. Start one: "
            "lipsync-robot speak, lipsync-robot mimic, or ros2 launch lipsync_robot speak.launch.py",
            file=sys.stderr,
        )
    if not reports or any(report.state in ("error", "silent") for report in reports):
        raise typer.Exit(1)


def _wait(robot: "RobotStatus") -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not robot.reports() and time.monotonic() < give_up:
        robot.listen(REFRESH_S)


def _live(robot: "RobotStatus") -> list["Report"]:
    reports = robot.reports()
    try:
        console = Console(highlight=False)
        with Live(_shown(reports, console.width), console=console, auto_refresh=False) as live:
            while reports:
                robot.listen(REFRESH_S)
                reports = robot.reports()
                live.update(_shown(reports, console.width), refresh=True)
    except KeyboardInterrupt:
        pass
    return reports


def _shown(reports: list["Report"], width: int) -> Group:
    """width: characters of a line. Where that is narrow, what is wrong stands below."""
    if width >= WIDE:
        return Group(_table(reports, says=True))
    wrong = [Text(f" {report.node}: {report.says}", COLOURS[report.state]) for report in reports if report.state != "ok"]
    return Group(_table(reports, says=False), *wrong)


def _table(reports: list["Report"], says: bool) -> Table:
    table = Table(box=None, pad_edge=True)
    for name in ("state", "node"):
        table.add_column(name, no_wrap=True)
    for name in ("rate Hz", "p50 ms", "p99 ms", "missed", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    if says:
        table.add_column("says", overflow="fold")
    for report in reports:
        state = f"[{COLOURS[report.state]}]{report.state}[/]"
        figures = (_short(report.figures.get(key, "")) for key in FIGURES)
        table.add_row(state, report.node, *figures, *[escape(report.says)] * says)
    return table


def _short(figure: str) -> str:
    return f"{float(figure):.1f}" if "." in figure else figure
