"""`lipsync-robot replay`: a stage of a recorded run into the chain after it, live or without a clock."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from .. import bags
from ..errors import BadInputError
from ..resources import resource
from .files import mp4, room_for
from .json_report import JsonReport, write_report
from .record import Namespace
from .robots import TWIN, Face, Inverse, Overrides, Port, RobotOption, of_robot, where
from .usage import Usage

REFRESH_S = 0.1
PATIENCE_S = 20.0  # for all nodes to find one another
AFTER_S = 0.2  # after the last pose is due

Stage = Literal["audio", "human", "robot", "command"]


def replay(
    bag: Annotated[Path, typer.Argument(help="What `record` or `ros2 bag record` wrote.")],
    stage: Annotated[
        Stage, typer.Option(help="What is played: audio, human/landmarks, robot/landmarks or motor/command.")
    ] = "audio",
    rate: Annotated[float, typer.Option(min=0.05, max=5, help="How many times as fast as it was; sound has one speed.")] = 1.0,
    deterministic: Annotated[
        bool, typer.Option("--deterministic", help="Move nothing and wait for nothing: the commands, bit for bit.")
    ] = False,
    namespace: Namespace = "",
    robot: RobotOption = TWIN,
    port: Port = None,
    inverse: Inverse = None,
    face: Face = None,
    video: Annotated[Path | None, typer.Option(help="Film the twin into this MP4, with the sound of the bag.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record what the chain answers as a bag, here.")] = None,
    json_file: JsonReport = None,
    config: Annotated[
        Path | None, typer.Option(envvar="LIPSYNC_CONFIG", help="Settings of all nodes, instead of the package's speak.yaml.")
    ] = None,
) -> None:
    """Plays one stage of a recorded run; the stages after it answer anew, on the twin or a robot.

    With --deterministic each message goes through the nodes' own code with its
    stamp as recorded: the same bag, weights and settings give the same commands,
    and they are compared with those in the bag. Examples:

      lipsync-robot replay out/run --video out/again.mp4

      lipsync-robot replay out/run --stage command --robot my_robot.yaml --port /dev/ttyACM0

      lipsync-robot replay out/run --deterministic --inverse new.onnx --json out/new.json
    """
    console = Console(stderr=True, highlight=False)
    if deterministic:
        if port or video or rate != 1:
            raise BadInputError("--deterministic moves nothing and has no clock: leave out --port, --video and --rate.")
        if stage == "command":
            raise BadInputError("--deterministic ends with the commands: play a --stage before them.")
    if video and port:
        raise BadInputError("--video films the twin: leave out --port, or leave out --video.")
    if record:
        bags.must_be_new(record)

    from ..nodes.recorded import Recorded

    recorded = Recorded(bag, stage, namespace)  # proves that it can be read before anything is started
    if video and not (recorded.counted("audio") and rate == 1):
        raise BadInputError("--video is as long as the sound: it needs a bag that holds audio, played at --rate 1.")
    overrides = of_robot(robot, port, inverse, face)
    written = room_for(mp4(video), record, json_file)
    settings = config or resource("config/speak.yaml")
    if deterministic:
        from . import deterministic as without_clock

        result = without_clock.replay(console, recorded, stage, settings, overrides, record)
        table = without_clock.table
    else:
        overrides["bag_player"] = {
            "bag": str(bag.resolve()), "stage": stage, "rate": rate, "recorded_namespace": namespace
        }  # fmt: skip
        overrides["recorder"] = {"film": video is not None}
        if record:
            overrides["bag_recorder"] = {"bag": str(record.resolve())}
        usage = Usage()
        recorder, figures = _run(console, bag, stage, settings, overrides)
        usage.stop()
        from .report import report, table  # only now: FaceMesh would double the memory that replaying takes

        result = {"stage": stage, **report(console, recorder, figures, usage, video), "frames": figures["played"]}
    write_report(json_file, result)
    table(console, result, written)


def _run(console: Console, bag: Path, stage: str, settings: Path, overrides: Overrides) -> tuple[Any, dict[str, Any]]:
    """Plays -> the recorder with all it heard, and what the nodes say of themselves."""
    from ..nodes.composed import composed
    from ..nodes.topics import after

    twin = overrides["motor_driver"]["port"] == TWIN
    chain = ["twin"] * twin + ["motor_driver", *reversed(after(stage))]
    names = [*chain, "recorder", *["bag_recorder"] * ("bag_recorder" in overrides), "speaker", "bag_player"]
    stopped = False
    with composed(names, settings, overrides) as composition:
        nodes = composition.nodes
        driver, player = nodes["motor_driver"], nodes["bag_player"]
        console.print(f" [bold]lipsync-robot[/bold]  {where(overrides)} · replays {player.count} x {stage}")
        try:
            _play(console, composition, bag)
        except KeyboardInterrupt:
            stopped = True
        models = {"speech": nodes.get("audio2landmark"), "inverse": nodes.get("inverse_model")}
        figures = {
            "lookahead_s": models["speech"].model.lookahead_s if models["speech"] else 0.0,
            "playback_delay_s": driver.playback_delay_s,
            "held_back_s": driver.held_back_s,
            "face": nodes["twin"].face if twin else None,
            "providers": {name: node.model.provider for name, node in models.items() if node},
            "punctuality": driver.punctuality.summary(),
            "missed": driver.missed,
            "silent": False,
            "played": player.played,
        }
    if stopped:
        home = driver.driver.at_neutral
        console.print(" stopped; the face is at neutral" if home else " stopped; the servos were out of reach")
        raise KeyboardInterrupt
    return nodes["recorder"], figures


def _play(console: Console, composition: Any, bag: Path) -> None:
    player, driver = composition.nodes["bag_player"], composition.nodes["motor_driver"]
    columns = TextColumn(" replaying {task.description} "), BarColumn(), TextColumn("{task.completed:.1f} s")
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(escape(bag.name), total=player.total_s)
        give_up = time.monotonic() + PATIENCE_S
        while not player.finished:
            composition.spin(REFRESH_S)
            progress.update(task, completed=min(player.played_s, player.total_s))
            if player.played_s == 0 and time.monotonic() > give_up:
                reason = driver.driver.fault or "the nodes did not find one another: is UDP on this machine's loopback blocked?"
                raise BadInputError(f"nothing could be played within {PATIENCE_S:.0f} s: {reason}")
        composition.spin(driver.playback_delay_s + AFTER_S)
