"""`lipsync-robot find-port`: which serial port is the servo controller on?"""

import json
import os
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..errors import LipsyncError
from ..motors import ports
from ..motors.description import BUSES
from ..motors.ports import Port
from ..motors.probe import Found, probe

LOOK_S = 0.25  # between two looks at which ports there are
SETTLE_S = 0.5  # until the system has given a new port its rights

ADVICE = {
    "silent": "nothing answers: is the servos' power on, the baud one of the usual, a Maestro's serial mode USB Dual Port?",
    "not asked": "",
    "in use": "another program is using it: stop that one first",
    "not allowed": "you may not open it. Run: sudo usermod -aG dialout $USER, then log in again",
    "gone": "cannot be opened as a serial port",
}


class NoControllerError(LipsyncError):
    """No port leads to a servo controller."""


def find_port(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PORTS]...", help="Look only at these; at all ports if left out.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until a port appears that is not there now, and ask it.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Which serial port is the servo controller on?

    Asks every port in turn, so that no servo moves. Examples:

      lipsync-robot find-port

      lipsync-robot find-port --wait          (then plug it in)

      lipsync-robot find-port /dev/ttyUSB0
    """
    console = Console(stderr=True, highlight=False)
    there = _appeared(console, names) if wait else [ports.given(name) for name in names] if names else ports.listed()
    found = []
    for port in there:
        with console.status(escape(f" asking {port.path}")):
            found.append(probe(port))
        if not json_output:
            _say(found[-1])
    if json_output:
        print(json.dumps([each._asdict() for each in found], indent=2))
    if not any(each.state == "answers" for each in found):
        raise NoControllerError(
            "no servo controller answers. Is it plugged in, are you in the group dialout, is its power on? "
            "`lipsync-robot find-port --wait` tells which port appears when you plug it in."
            if found
            else "this machine has no serial port. Plug the controller in, or run `lipsync-robot find-port --wait` and then do."
        )


def _appeared(console: Console, names: list[str] | None) -> list[Port]:
    """Waits for a port that was not there before, or for one of those that were named."""
    before = set() if names else {port.path for port in ports.listed()}
    with console.status(" waiting for a port to appear: plug the controller in now; Ctrl-C ends this"):
        while True:
            there = [ports.given(name) for name in names if os.path.exists(name)] if names else ports.listed()
            new = [port for port in there if port.path not in before]
            if new:
                time.sleep(SETTLE_S)
                return new
            before &= {port.path for port in there}  # one that is pulled out and put back is new
            time.sleep(LOOK_S)


def _say(found: Found) -> None:
    console = Console(highlight=False, soft_wrap=True)
    line = f" {found.path}  {found.what}: "
    if found.bus is not None:
        detail = f" ({found.detail})" if found.detail else ""
        line += f"answers as {BUSES[found.bus].name} at {found.baud} baud{detail}"
        line += f"; next: lipsync-robot motors list ROBOT --port {found.path}"
    else:
        line += found.state + "; ".join(["", *filter(None, (ADVICE[found.state], found.detail))])
    console.print(escape(line))
