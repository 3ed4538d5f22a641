"""`lipsync-robot record`: what happens on the topics of a running robot, into a rosbag2."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from .. import bags
from ..errors import BadInputError
from ..resources import resource
from .files import room_for

REFRESH_S = 0.1

Namespace = Annotated[str, typer.Option(help="The robot's, if it has one: /left. `/` is none.")]


def record(
    output: Annotated[Path, typer.Argument(metavar="BAG", help="Folder to write, which must not exist yet.")],
    storage: Annotated[Literal["mcap", "sqlite3"], typer.Option(help="How the messages are filed.")] = "mcap",
    topics: Annotated[
        list[str] | None, typer.Option(help="Only this topic; may be repeated. All between sound and servos if left out.")
    ] = None,
    namespace: Namespace = "",
    duration: Annotated[float | None, typer.Option(min=0.1, help="End so many seconds after the first message.")] = None,
) -> None:
    """Records a robot that runs, until Ctrl-C: its sound, faces, commands and motors, as a bag that `ros2 bag` plays too.

    The robot is one of the same ROS_DOMAIN_ID, in a process of its own. Only the last second is lost if this one is killed.
    Examples:

      lipsync-robot record out/run

      lipsync-robot record out/run --storage sqlite3 --duration 60

      lipsync-robot record out/seen --topics camera/image --topics human/landmarks
    """
    from ..nodes.composed import composed
    from ..nodes.topics import USUAL

    console = Console(stderr=True, highlight=False)
    bags.must_be_new(output)
    room_for(output)
    wanted = [topic if topic.startswith("/") else f"{_slashed(namespace)}{topic}" for topic in topics or USUAL]
    overrides = {"bag_recorder": {"bag": str(output.resolve()), "storage": storage, "topics": wanted}}
    with composed(["bag_recorder"], resource("config/speak.yaml"), overrides) as composition:
        recorder = composition.nodes["bag_recorder"]
        console.print(escape(f" recording {output}; Ctrl-C ends it"))
        try:
            with console.status(" waiting for the first message") as status:
                while duration is None or recorder.recorded_s < duration:
                    composition.spin(REFRESH_S)
                    status.update(escape(f" {recorder.recorded_s:.1f} s   {_told(recorder.counts)}"))
        except KeyboardInterrupt:
            pass  # the end of any recording
        recorded_s = recorder.recorded_s
    if not recorded_s:
        raise BadInputError(
            f"nothing was heard on {', '.join(recorder.counts)}: is a robot running, in this ROS_DOMAIN_ID and namespace?"
        )
    console.print(escape(f" wrote {output}   {recorded_s:.1f} s   {_told(recorder.counts)}"), soft_wrap=True)


def _slashed(namespace: str) -> str:
    return f"/{namespace.strip('/')}/" if namespace.strip("/") else "/"


def _told(counts: dict[str, int]) -> str:
    return "   ".join(f"{topic} {count}" for topic, count in counts.items() if count)
