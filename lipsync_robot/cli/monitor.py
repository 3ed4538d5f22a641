"""`lipsync-robot monitor`: a window into a robot that runs, wherever it was started from."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..errors import BadInputError
from ..resources import resource
from .files import room_for

REFRESH_S = 0.1
SILENT_S = 5.0  # after which it is worth a word that nothing is heard


def monitor(
    web: Annotated[bool, typer.Option("--web", help="Serve a page for a browser, on this machine's own address only.")] = False,
    port: Annotated[int, typer.Option(help="Of the page; its data come through the next one.", min=1024, max=65534)] = 9090,
    save: Annotated[Path | None, typer.Option(metavar="FILE.rrd", help="Write a recording; `rerun FILE.rrd` opens it.")] = None,
    namespace: Annotated[str, typer.Option(help="Namespace of the robot's nodes, where it has one.")] = "",
) -> None:
    """Shows what a robot sees, hears, means and does, on one timeline, until Ctrl-C.

    Landmarks, pictures, sound, motors and latencies, of the robot that runs in
    the same ROS_DOMAIN_ID, in the Rerun viewer or a browser. A process of its
    own that the robot does not wait for. To see --web from another machine:
    ssh -L 9090:localhost:9090 -L 9091:localhost:9091 ROBOT. Examples:

      lipsync-robot speak --mic & lipsync-robot monitor

      lipsync-robot monitor --web --port 9090

      lipsync-robot monitor --save out/monitor.rrd
    """
    if web and save:
        raise BadInputError("monitor either shows a page or writes a file, not both: leave out --web or --save.")
    room_for(save)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    show = "web" if web else "file" if save else "viewer"
    wanted = {"show": show, "web_port": port, "file": str(save.resolve()) if save else ""}

    from ..nodes.composed import composed

    with composed(["monitor"], resource("config/speak.yaml"), {"monitor": wanted}, namespace=namespace) as composition:
        node = composition.nodes["monitor"]
        console.print(f" {f'shows {node.address}' if web else f'writes {save}' if save else 'shows a window'}; Ctrl-C ends it")
        _watch(console, composition, node)


def _watch(console: Console, composition: Any, node: Any) -> None:
    """Until KeyboardInterrupt, which ends it as it should."""
    warn_at = time.monotonic() + SILENT_S
    try:
        while True:
            composition.spin(REFRESH_S)
            if node.heard == 0 and time.monotonic() > warn_at:
                warn_at = float("inf")
                console.print(" nothing is heard yet: does a robot run in the same ROS_DOMAIN_ID and namespace?")
    except KeyboardInterrupt:
        console.print(f" {node.heard} messages heard")
