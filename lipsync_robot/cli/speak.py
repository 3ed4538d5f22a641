"""`lipsync-robot speak`: the whole chain from sound to servos in one process, then the film and the report."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from ..audio import files
from ..errors import BadInputError
from ..resources import resource
from .files import mp4, room_for
from .json_report import JsonReport, write_report
from .robots import TWIN, Face, Inverse, Overrides, Port, RobotOption, of_robot, where
from .usage import Usage

CHAIN = ["motor_driver", "inverse_model", "retarget", "audio2landmark", "recorder"]
REFRESH_S = 0.1
PATIENCE_S = 20.0  # for all nodes to find one another
AFTER_S = 0.2  # after the last sound was heard


def speak(
    file: Annotated[
        Path | None, typer.Argument(help="Sound to speak; a recording that comes with the package if left out.")
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Speak along with the microphone until Ctrl-C.")] = False,
    device: Annotated[str, typer.Option(help="Microphone, by PortAudio's name or a part of it.")] = "",
    robot: RobotOption = TWIN,
    port: Port = None,
    inverse: Inverse = None,
    face: Face = None,
    video: Annotated[Path | None, typer.Option(help="Film the twin into this MP4, with its sound.")] = None,
    json_file: JsonReport = None,
    config: Annotated[
        Path | None, typer.Option(envvar="LIPSYNC_CONFIG", help="Settings of all nodes, instead of the package's speak.yaml.")
    ] = None,
) -> None:
    """A face speaks in sync with the sound.

    With no robot the MuJoCo twin speaks, behind a virtual servo controller. Examples:

      lipsync-robot speak --video out/speak.mp4

      lipsync-robot speak hello.flac --robot my_robot.yaml --port /dev/ttyACM0 --inverse my.onnx --face my.npz

      lipsync-robot speak --mic
    """
    console = Console(stderr=True, highlight=False)
    source = proved(file, mic)
    twin = port is None
    if video and not twin:
        raise BadInputError("--video films the twin: leave out --port, or leave out --video.")
    written = room_for(mp4(video), json_file, reads=[source, config])
    if mic and file:
        raise BadInputError("speak either a file or the microphone, not both.")
    overrides = of_robot(robot, port, inverse, face) | _overrides(source, device) | {"recorder": {"film": video is not None}}
    settings = config or resource("config/speak.yaml")

    usage = Usage()
    recorder, figures, stopped = run(console, source, twin, settings, overrides)
    usage.stop()
    if stopped and not mic:
        say_stopped(console, figures)
    if recorder.faces == 0:
        raise BadInputError("nothing was heard, so nothing was said.")

    from .report import report, table  # only now: FaceMesh would double the memory that speaking takes

    result = report(console, recorder, figures, usage, video)
    write_report(json_file, result)
    table(console, result, written)


def proved(file: Path | None, mic: bool) -> Path | None:
    """The file to speak, None for the microphone; proves that a file can be decoded before anything is started."""
    if mic:
        return None
    path = file or resource("samples/avonlea.opus")
    next(files.decode(path))
    return path.resolve()


def say_stopped(console: Console, figures: dict) -> None:
    """Raises KeyboardInterrupt, after it has been said how the face was left."""
    console.print(" stopped; the face is at neutral" if figures["home"] else " stopped; the servos were out of reach")
    raise KeyboardInterrupt


def _overrides(source: Path | None, device: str) -> Overrides:
    return {"microphone": {"device": device}} if source is None else {"audio_file": {"file": str(source)}}


def run(
    console: Console, source: Path | None, twin: bool, settings: Path, overrides: Overrides, eyes: Sequence[str] = ()
) -> tuple[Any, dict, bool]:
    """Speaks -> the recorder with all it heard, what the nodes say of themselves, whether it was stopped from outside.

    source: None for the microphone; eyes: further nodes, that watch.
    """
    from ..nodes.composed import composed

    sound = ["microphone"] if source is None else ["speaker", "audio_file"]  # who speaks needs no loudspeaker
    names = (["twin"] if twin else []) + CHAIN + [*eyes] + sound
    stopped = False
    with composed(names, settings, overrides) as composition:
        nodes = composition.nodes
        speech, driver, recorder = (nodes[name] for name in ("audio2landmark", "motor_driver", "recorder"))
        figures = {
            "lookahead_s": speech.model.lookahead_s,
            "playback_delay_s": driver.playback_delay_s,
            "held_back_s": driver.held_back_s,
            "face": nodes["twin"].face if twin else None,
            "providers": {"speech": speech.model.provider, "inverse": nodes["inverse_model"].model.provider},
        }
        console.print(
            f" [bold]lipsync-robot[/bold]  {where(overrides)} · look-ahead {1000 * speech.model.lookahead_s:.0f} ms · "
            f"{speech.model.provider.upper()}"
        )
        if "speaker" in nodes and (why := nodes["speaker"].speaker.silent_because):
            console.print(escape(f" unheard: {why}"))
        try:
            if source is None:
                console.print(" listening; Ctrl-C ends it")
                while True:
                    composition.spin(REFRESH_S)
            _speak_file(console, composition, source)
        except KeyboardInterrupt:
            stopped = True
        figures["punctuality"] = driver.punctuality.summary()
        figures["missed"] = driver.missed
        figures["silent"] = source is not None and nodes["audio_file"].silent
        figures["witness"] = nodes.get("witness")
    figures["home"] = driver.driver.at_neutral
    return recorder, figures, stopped


def _speak_file(console: Console, composition: Any, source: Path) -> None:
    audio_file, driver = composition.nodes["audio_file"], composition.nodes["motor_driver"]
    total = files.duration_s(source)
    if total and total > 300:
        console.print(f" {total / 60:.0f} minutes of sound, spoken in real time; Ctrl-C stops it")
    columns = TextColumn(" speaking {task.description} "), BarColumn(), TextColumn("{task.completed:.1f} s")
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(escape(source.name), total=total)
        give_up = time.monotonic() + PATIENCE_S
        while not audio_file.finished:
            composition.spin(REFRESH_S)
            progress.update(task, completed=min(audio_file.spoken_s, total or audio_file.spoken_s))
            if audio_file.spoken_s == 0 and time.monotonic() > give_up:
                reason = driver.driver.fault or "the nodes did not find one another: is UDP on this machine's loopback blocked?"
                raise BadInputError(f"nothing could be said within {PATIENCE_S:.0f} s: {reason}")
        composition.spin(driver.playback_delay_s + AFTER_S)
