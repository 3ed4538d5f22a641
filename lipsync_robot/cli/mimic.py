"""`lipsync-robot mimic` and `coexpress`: the chain from camera to servos in one process, then the film and the report."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from ..errors import BadInputError
from ..resources import resource
from .files import mp4, room_for
from .json_report import JsonReport, write_report
from .robots import TWIN, Face, Inverse, Overrides, Port, RobotOption, of_robot, where
from .usage import Usage

CHAIN = ["motor_driver", "inverse_model", "retarget"]
EYES = ["face_landmarks", "recorder", "camera"]
REFRESH_S = 0.1
PATIENCE_S = 20.0  # for all nodes to find one another, and for a camera to give a picture
AFTER_S = 0.5  # of the twin after the last picture
OBSERVED = {"face_landmarks": ("human/landmarks", "human/observed")}  # so that the predictor comes between

CameraOption = Annotated[str, typer.Option("--camera", help="Camera by number, device or name; or a video file, or a folder.")]
Person = Annotated[
    Path | None, typer.Option("--person", help="Their face, of `calibrate neutral`; learned on sight if left out.")
]
Video = Annotated[Path | None, typer.Option(help="MP4 to write: person and twin side by side.")]
Config = Annotated[
    Path | None, typer.Option(envvar="LIPSYNC_CONFIG", help="Settings of all nodes, instead of the package's mimic.yaml.")
]


def mimic(
    camera: CameraOption = "0",
    person: Person = None,
    robot: RobotOption = TWIN,
    port: Port = None,
    inverse: Inverse = None,
    face: Face = None,
    video: Video = None,
    json_file: JsonReport = None,
    config: Config = None,
) -> None:
    """The face mirrors whoever is in front of the camera.

    A face that is lost, turned away or blurred is not followed: the robot holds, then goes to neutral. Examples:

      lipsync-robot mimic

      lipsync-robot mimic --camera me.mp4 --video out/mimic.mp4 --json out/mimic.json

      lipsync-robot mimic --camera 2 --robot my_robot.yaml --port /dev/ttyACM0 --inverse my.onnx --face my.npz
    """
    overrides = _of_robot(video, robot, port, inverse, face)
    _mirror(camera, person, overrides, port is None, video, json_file, config, anticipate=False)


def coexpress(
    camera: CameraOption = "0",
    person: Person = None,
    robot: RobotOption = TWIN,
    port: Port = None,
    inverse: Inverse = None,
    face: Face = None,
    video: Video = None,
    json_file: JsonReport = None,
    config: Config = None,
) -> None:
    """As mimic, and the face begins an expression before the person's has peaked.

    Example:

      lipsync-robot coexpress --camera me.mp4 --video out/coexpress.mp4
    """
    overrides = _of_robot(video, robot, port, inverse, face)
    _mirror(camera, person, overrides, port is None, video, json_file, config, anticipate=True)


def _mirror(
    source: str,
    person: Path | None,
    overrides: Overrides,
    twin: bool,
    video: Path | None,
    json_file: Path | None,
    config: Path | None,
    anticipate: bool,
) -> None:
    console = Console(stderr=True, highlight=False)
    written = room_for(mp4(video), json_file, reads=[Path(source), person, config])
    live = _proved(source)
    overrides["camera"] = {"source": source if live else str(Path(source).resolve())}
    overrides["recorder"] = {"film": video is not None}
    if person:
        overrides.setdefault("retarget", {})["human_face"] = str(person.resolve())

    usage = Usage()
    settings = config or resource("config/mimic.yaml")
    figures = _run(console, overrides, settings, twin, live, anticipate, video is not None)
    usage.stop()
    if figures["stopped"] and not live:
        console.print(" stopped; the face is at neutral" if figures["home"] else " stopped; the servos were out of reach")
        raise KeyboardInterrupt
    from .mirror_report import report, table

    if video and len(figures["nodes"]["witness"].moments) < 2:
        console.print(" no film: the camera gave less than two pictures")
        written.remove(video)
        video = None
    result = report(console, figures, usage, video, None if live else Path(source))
    write_report(json_file, result)
    table(console, result, written)


def _of_robot(video: Path | None, robot: str, port: str | None, inverse: Path | None, face: Path | None) -> Overrides:
    """Raises BadInputError."""
    if video and port is not None:
        raise BadInputError("--video films the twin: leave out --port, or leave out --video.")
    return of_robot(robot, port, inverse, face)


def _proved(source: str) -> bool:
    """Whether it is a camera. Proves that it can be opened before anything is started. Raises BadInputError."""
    from ..vision import camera, video

    live = camera.is_camera(source)
    if live:
        with camera.Camera(source) as there:
            there.picture()
    elif not Path(source).is_dir():
        next(video.frames(Path(source)))
    return live


def _run(
    console: Console, overrides: Overrides, settings: Path, twin: bool, live: bool, anticipate: bool, film: bool
) -> dict[str, Any]:
    """Mirrors -> the nodes with all that they know, and what must be asked of them while they live."""
    from ..nodes.composed import composed

    names = (["twin"] if twin else []) + CHAIN + ["predictor"] * anticipate + ["witness"] * film + EYES
    stopped = False
    with composed(names, settings, overrides, OBSERVED if anticipate else {}) as composition:
        nodes = composition.nodes
        driver = nodes["motor_driver"]
        console.print(f" [bold]lipsync-robot[/bold]  {where(overrides)} · {'anticipates' if anticipate else 'mirrors'}")
        try:
            if live:
                console.print(" watching; Ctrl-C ends it")
                while True:
                    composition.spin(REFRESH_S)
            _watch_film(console, composition, Path(overrides["camera"]["source"]))
        except KeyboardInterrupt:
            stopped = True
        figures = {
            "nodes": nodes,
            "face": nodes["twin"].face if twin else None,
            "punctuality": driver.punctuality.summary(),
            "missed": driver.missed,
            "stopped": stopped,
        }
    figures["home"] = driver.driver.at_neutral
    return figures


def _watch_film(console: Console, composition: Any, path: Path) -> None:
    from ..vision import video

    camera, eyes, driver = (composition.nodes[name] for name in ("camera", "face_landmarks", "motor_driver"))
    total = None if path.is_dir() else video.duration_s(path)
    columns = TextColumn(" watching {task.description} "), BarColumn(), TextColumn("{task.completed:.1f} s")
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(escape(path.name), total=total)
        began = time.monotonic()
        while not camera.finished:
            composition.spin(REFRESH_S)
            passed = time.monotonic() - began
            if eyes.pictures:
                progress.update(task, completed=min(passed, total or passed))
            elif passed > PATIENCE_S:
                reason = driver.driver.fault or "the nodes did not find one another: is UDP on this machine's loopback blocked?"
                raise BadInputError(f"nothing could be seen within {PATIENCE_S:.0f} s: {reason}")
        composition.spin(AFTER_S)
