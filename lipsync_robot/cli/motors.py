"""`lipsync-robot motors`: see a robot's motors, move one by hand, and find its ends."""

import json
import time
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..errors import BadInputError
from ..motors import description, limits
from ..motors.buses import NO_FAIL_SAFE, Look, look
from ..motors.description import BUSES, Robot
from ..motors.jog import Jog, alone
from ..motors.limits import LimitFinder, Marks
from ..motors.maestro_settings import settings_xml
from .by_hand import by_hand
from .robots import TWIN, RobotName, robot_file

app = typer.Typer(help="See a robot's motors, move one by hand, find its ends.", no_args_is_help=True, add_completion=False)

SYMBOLS = {"us": "µs", "ticks": "ticks"}

MotorName = Annotated[str, typer.Argument(metavar="MOTOR", help="The motor's name in the description.")]
Port = Annotated[str, typer.Option(help="Serial port of the servo controller; `lipsync-robot find-port` finds it.")]


@app.command("list")
def list_motors(
    robot: RobotName,
    port: Annotated[str | None, typer.Option(help="Serial port of its controller, to see where the motors stand.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """All motors as described, and with a port as they are now.

    Tells none to move. Examples:

      lipsync-robot motors list my_robot.yaml

      lipsync-robot motors list my_robot.yaml --port /dev/ttyACM0
    """
    described = description.load(robot_file(robot))
    seen = look(described, port) if port else None
    faults = list(seen.health.faults) if seen and seen.health else []
    rows = _rows(described, seen)
    if json_output:
        print(json.dumps({"robot": described.name, "bus": described.bus, "faults": faults, "motors": rows}, indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(rows, SYMBOLS[BUSES[described.bus].unit], seen is not None))
    for fault in faults:
        console.print(escape(f" fault: {fault}"))
    if seen and not faults:
        console.print(" no faults" if seen.health else " whether there are faults, it did not say")
    if seen and not seen.fail_safe:
        console.print(f" {NO_FAIL_SAFE}")


@app.command("jog")
def jog(robot: RobotName, motor: MotorName, port: Port) -> None:
    """Moves one motor from the keyboard, never faster than described; all others are left alone.

    Keys: left and right 1 % of the range, up and down 5 %, n neutral, space
    torque off at once, q back to neutral and torque off. Example:

      lipsync-robot motors jog my_robot.yaml jaw --port /dev/ttyACM0
    """
    one = alone(description.load(robot_file(robot)), motor)
    unit = SYMBOLS[BUSES[one.bus].unit]
    hand = Jog(one, time.monotonic())

    def lines() -> list[str]:
        place = one.targets(np.array([hand.position]))[0]
        return [f"{motor}  {hand.position:4.2f}  {place:6.1f} {unit}", "←→ 1 %  ↑↓ 5 %  n neutral  space off  q quit"]

    by_hand(one, port, hand, lines, {})


@app.command("limits")
def find_limits(robot: RobotName, motor: MotorName, port: Port) -> None:
    """Finds a motor's ends and writes them into the robot's YAML: slow jogging beyond the described range.

    Keys: left and right 5 µs or 4 ticks, up and down 25 µs or 20 ticks; 1 marks
    this place as position 0, 2 as position 1, n as neutral; w writes the marks
    into the YAML, whose comments and layout stay; space torque off at once; q
    back to neutral and torque off.

    Where the servo hums is its end: the limit is a step before it. What is
    marked is the place that the controller says the motor is at, so a Maestro's
    own limits, set in its Control Center, must be the wider ones. Example:

      lipsync-robot motors limits my_robot.yaml jaw --port /dev/ttyACM0
    """
    if robot == TWIN:
        raise BadInputError("the twin's description belongs to the package. Copy config/robots/twin.yaml, and name the copy.")
    path = robot_file(robot)
    described = alone(description.load(path), motor)
    wide = limits.widened(described)
    unit = SYMBOLS[BUSES[described.bus].unit]
    finder = LimitFinder(described, time.monotonic())
    written = finder.marks

    def lines() -> list[str]:
        place, marks = wide.targets(np.array([finder.position]))[0], finder.marks
        return [
            f"{motor}  {place:6.1f} {unit}",
            f"0 at {marks.zero:g}  1 at {marks.one:g}  neutral at {marks.held_neutral:g}"
            f"{'' if marks == written else '  (not written)'}",
            "←→ fine  ↑↓ coarse  1 2 n mark  w write  space off  q quit",
        ]

    def mark(key: str, place: float) -> str:
        finder.mark(key, place)
        if not np.isfinite(place):
            return "the motor is off, and where it stands is not known: nothing was marked"
        return f"marked {place:g} {unit}"

    def write(_: str, __: float) -> str:
        nonlocal written
        limits.write(path, described, motor, finder.marks)
        written = finder.marks
        return f"wrote {path}: {_in_words(written, unit)}"

    actions = {"w": write} | dict.fromkeys(limits.MARKS, mark)
    by_hand(wide, port, finder, lines, actions)
    if finder.marks != written:
        Console(stderr=True, highlight=False).print(escape(f" not written: {_in_words(finder.marks, unit)}"))
    elif written == Marks.of(described.motors[0]):
        Console(stderr=True, highlight=False).print(" nothing was written")


@app.command("settings")
def settings(robot: RobotName) -> None:
    """Prints the settings of a Maestro for this robot, for Pololu's own tool to put into the board.

    Ranges, neutral, limits of speed, checksums, and the timeout after which the board homes its servos when the computer
    dies. It replaces all settings and the script that are in the board. Example:

      lipsync-robot motors settings my_robot.yaml > maestro.txt; UscCmd --configure maestro.txt
    """
    path = robot_file(robot)
    described = description.load(path)
    if described.bus != "maestro":
        raise BadInputError(f"{path}: bus: {described.bus} keeps its settings in each servo; only a Maestro has such a file.")
    print(settings_xml(described))


def _in_words(marks: Marks, unit: str) -> str:
    return f"0 at {marks.zero:g} {unit}, 1 at {marks.one:g} {unit}, neutral {marks.neutral_position:.3f}"


def _rows(robot: Robot, seen: Look | None) -> list[dict[str, Any]]:
    """One a motor, for programs; what is not known is None."""
    unknown = np.full(len(robot.motors), np.nan)
    places, health = (seen.places, seen.health) if seen else (unknown, None)
    columns = {
        "at": places,
        "position": robot.positions(places),
        "temperature": health.temperature if health else unknown,
        "load": health.load if health else unknown,
    }
    return [
        {"name": motor.name, "channel": motor.channel, "range": list(motor.ends), "neutral": motor.neutral}
        | {name: round(float(values[i]), 3) if np.isfinite(values[i]) else None for name, values in columns.items()}
        for i, motor in enumerate(robot.motors)
    ]


def _table(rows: list[dict[str, Any]], unit: str, looked: bool) -> Table:
    """As a person reads it; with what was seen of the motors only where they were looked at."""
    table = Table(box=None, pad_edge=True)
    for title in ("motor", "channel", unit, "neutral", *(("now", unit, "°C", "load") if looked else ())):
        table.add_column(title, justify="left" if title == "motor" else "right", no_wrap=True)
    for row in rows:
        low, high = row["range"]
        cells = [escape(row["name"]), str(row["channel"]), f"{low:g}…{high:g}", f"{row['neutral']:.2f}"]
        seen = (("position", "{:.2f}"), ("at", "{:.0f}"), ("temperature", "{:.0f}"), ("load", "{:+.0%}"))
        cells += ["-" if row[key] is None else form.format(row[key]) for key, form in seen] if looked else []
        table.add_row(*cells)
    return table
