"""`lipsync-robot calibrate sync`: how far lips and sound are apart, as a camera sees it, and the servos' lag that mends it."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from ..errors import BadInputError
from ..face.landmarks import aperture
from ..face.scores import Series, lags
from ..motors import description
from ..motors.rewrite import rewrite, with_setting
from ..resources import resource
from .files import room_for
from .json_report import JsonReport, write_report
from .robots import TWIN, Face, Inverse, Port, RobotOption, of_robot, robot_file
from .speak import proved, run, say_stopped

STRETCH_S = 2.0  # of speech, for which lips have one offset: each is a measurement of its own
WITHIN_S = 0.3  # that they are looked for
FEWEST = 3  # stretches in which lips are seen to follow
FRAME_RATE = 25  # of the twin's camera
MARGIN_S = 0.04  # from a sound's last sample to the pose it makes: half of it is what a microphone may take
EYES = ("camera", "witness")


class Offset(NamedTuple):
    """What lips are late by, s; negative: early."""

    seconds: float  # the median of all stretches
    error_s: float  # half of its 95 % interval
    stretches: int
    correlation: float  # of lips and sound, the mean

    def __str__(self) -> str:
        return (
            f"{1000 * self.seconds:+.0f} ms ± {1000 * self.error_s:.0f}   "
            f"({self.stretches} stretches of {STRETCH_S:g} s, r {self.correlation:.2f})"
        )


def sync(
    file: Annotated[
        Path | None, typer.Argument(help="Speech to measure by; a recording that comes with the package if left out.")
    ] = None,
    robot: RobotOption = TWIN,
    port: Port = None,
    inverse: Inverse = None,
    face: Face = None,
    camera: Annotated[str, typer.Option(metavar="N", help="What sees a robot: a camera's number, device or name.")] = "0",
    camera_delay_ms: Annotated[
        float, typer.Option(min=0.0, max=500.0, help="The camera's own delay, from light to picture, where it is known.")
    ] = 0.0,
    json_file: JsonReport = None,
    config: Annotated[
        Path | None, typer.Option(envvar="LIPSYNC_CONFIG", help="Settings of all nodes, instead of the package's speak.yaml.")
    ] = None,
) -> None:
    """How early or late the lips are, and the servo_lag_s that puts them right.

    The robot speaks before a camera; the mouth that is seen is held against the
    mouth that the sound asked for, stretch by stretch. servo_lag_s is then written
    into the robot's YAML, whose comments and layout stay. A webcam's own delay is
    30 to 60 ms: what is not told counts as the servos'. The twin is seen by its
    own camera. Examples:

      lipsync-robot calibrate sync

      lipsync-robot calibrate sync --robot my_robot.yaml --port /dev/ttyACM0 --camera 0 --camera-delay-ms 40
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    described = description.load(robot_file(robot))
    source, twin = proved(file, False), port is None
    overrides = of_robot(robot, port, inverse, face) | {"audio_file": {"file": str(source)}, "recorder": {"film": twin}}
    room_for(json_file)
    if not twin:
        from ..vision.camera import Camera

        with Camera(camera) as there:
            there.picture()
        overrides["camera"] = {"source": camera}
    settings = config or resource("config/speak.yaml")
    recorder, figures, stopped = run(console, source, twin, settings, overrides, () if twin else EYES)
    if stopped:
        say_stopped(console, figures)

    if recorder.faces == 0:
        raise BadInputError("nothing was heard, so nothing was said.")
    stamps, asked = recorder.asked()
    due = Series(stamps + figures["playback_delay_s"], asked)  # when lips should be seen so
    seen = _seen(console, recorder, figures)
    offset = measured(seen, due)
    lag = min(1.0, max(0.0, described.servo_lag_s + offset.seconds - camera_delay_ms / 1000))
    result: dict[str, Any] = {"camera": offset._asdict(), "servo_lag_s": round(lag, 3), "before_s": described.servo_lag_s}
    console.print(f" lips vs sound   {offset}")
    if twin:
        joints = measured(_by_joints(recorder, figures["face"]), due)
        result["joints"] = joints._asdict()
        console.print(f" by its joints   {joints}")
    write_report(json_file, result)
    for line in stored(robot, twin, described.servo_lag_s, lag):
        console.print(escape(f" {line}"))
    if lag > figures["playback_delay_s"] - figures["lookahead_s"] - MARGIN_S:
        least = figures["lookahead_s"] + lag + MARGIN_S
        console.print(f" poses are not known so early: set playback_delay_s to {least:.2f} in a copy of config/speak.yaml")


def measured(seen: Series, due: Series) -> Offset:
    """What seen mouth openings are late by against those that were due. Raises BadInputError where they do not follow."""
    if len(seen.moments) < 2:
        raise BadInputError("no face was seen. Is it in the picture, upright, lit from the front?")
    found = [lag for _, lag in lags(seen, due, STRETCH_S, WITHIN_S)]
    if len(found) < FEWEST:
        raise BadInputError(
            f"the mouth was seen to follow the sound in {len(found)} stretches of {STRETCH_S:g} s; {FEWEST} are needed. Is "
            "the robot's face all of the picture, and does it move? Or give a longer recording."
        )
    late = np.array([lag.seconds for lag in found])
    error = 1.96 * 1.2533 * late.std(ddof=1) / np.sqrt(len(late))  # of a median
    return Offset(float(np.median(late)), float(error), len(late), float(np.mean([lag.correlation for lag in found])))


def _seen(console: Console, recorder: Any, figures: dict) -> Series:
    """Mouth openings as the camera saw them, at moments of the system's clock."""
    from .report import seen_apertures  # only now: FaceMesh would double the memory that speaking takes

    if (witness := figures["witness"]) is not None:
        return seen_apertures(console, zip(witness.moments, witness.pictures(), strict=True))
    from ..twin import video

    begin, _ = recorder.sound()
    seconds = recorder.duration_s + figures["playback_delay_s"]
    moments, positions = recorder.joints()
    pictures = video.pictures(moments, positions, begin, seconds, figures["face"], FRAME_RATE)
    return seen_apertures(console, ((begin + at, picture) for at, picture in pictures))


def _by_joints(recorder: Any, face: str) -> Series:
    """The same as the twin's joints tell, without a camera."""
    from ..twin import faces
    from ..twin.simulation import landmarks

    moments, positions = recorder.joints()
    return Series(moments, np.array([aperture(landmarks(position, faces.named(face))) for position in positions]))


def stored(robot: str, twin: bool, before: float, lag: float) -> list[str]:
    """Puts the lag into the robot's YAML, unless it is the twin's -> what was done, in lines."""
    lines = [f"servo_lag_s     {before:.3f} s -> {lag:.3f} s"]
    if robot == TWIN:
        return [*lines, "the twin's description belongs to the package: nothing was written"]
    if twin:
        return [*lines, f"the twin spoke in its place: nothing was written into {robot}. Name the robot's --port"]
    rewrite(robot_file(robot), lambda text: with_setting(text, "servo_lag_s", round(lag, 3)))
    return [*lines, f"wrote {robot}"]
