"""`lipsync-robot calibrate`: what the robot should know of the person before it."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from ..errors import BadInputError
from ..face.landmarks import POINTS, REGIONS, aperture
from ..face.profile import HumanFace
from .files import room_for

if TYPE_CHECKING:
    from ..vision.camera import Camera

app = typer.Typer(
    help="What the robot should know: of the person before it, and of its own servos.",
    no_args_is_help=True,
    add_completion=False,
)

# What a person before a camera is asked to do, and from when on, s. FaceMesh finds the face before 0; then it rests.
ASKED = (
    (-3.0, "look straight at the camera, mouth closed"),
    (0.0, "stay so"),
    (2.0, "open your mouth wide"),
    (4.0, "smile"),
    (6.0, "pucker your lips"),
    (8.0, "raise your brows, then frown"),
    (10.0, "shut your eyes tight, then open them wide"),
    (12.0, "thank you"),
)
RESTED_S, ENDS_S = ASKED[2][0], ASKED[-1][0]

FEWEST_FACES = 10  # of a face at rest
MOST_WITHOUT = 0.2  # share of the pictures that may show no face
CLOSED_CM = 0.4  # that the inner lips of a resting mouth may be apart

Frames = Iterator[tuple[float, np.ndarray]]  # moment in s, picture (h, w, 3) RGB


class Seen(NamedTuple):
    pictures: int  # with a face or without
    moments: np.ndarray  # (n,) s, of those with a face
    faces: np.ndarray  # (n, 468, 3) cm


@app.command("neutral")
def neutral(
    output: Annotated[Path, typer.Option(dir_okay=False, help="The profile to write, such as me.npz.")],
    video: Annotated[Path | None, typer.Option(dir_okay=False, help="A video of the person.")] = None,
    camera: Annotated[str | None, typer.Option(metavar="N", help="A camera: 0 is the first; or its path in /dev.")] = None,
    rest_only: Annotated[
        bool, typer.Option("--rest-only", help="Learn only how the face rests, as from a video of mere speech.")
    ] = False,
) -> None:
    """How a person's face rests, and how far each region of it goes.

    Before a camera, do what the terminal asks for: two seconds of rest, ten of
    grimaces. In a video the mouth must be closed for a quarter of the time.
    What is written is human_face in a copy of config/speak.yaml. Examples:

      lipsync-robot calibrate neutral --camera 0 --output me.npz

      lipsync-robot calibrate neutral --video me.mp4 --rest-only --output me.npz
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    room_for(output, reads=[video])
    if video is not None and camera is None:
        from ..vision.video import frames

        with console.status(escape(f" looking at {video}")):
            seen = watched(frames(video))
        rest = seen.faces
    elif camera is not None and video is None:
        from ..vision.camera import Camera

        with Camera(camera) as source, console.status(" starting") as status:
            seen = watched(asked(live(source, RESTED_S if rest_only else ENDS_S), status))
        rest = seen.faces[seen.moments < RESTED_S]
    else:
        raise BadInputError("name one thing to look at: --camera 0, or --video FILE.")
    face = profile(seen, rest, None if rest_only else seen.faces)
    face.save(output)
    for line in in_words(seen, face):
        console.print(f" {line}")
    console.print(escape(f" wrote {output}: name it as human_face in a copy of config/speak.yaml"))


def live(camera: "Camera", until: float) -> Frames:
    """What it sees, from ASKED's first moment to `until`."""
    zero = time.monotonic() - ASKED[0][0]
    while (moment := time.monotonic() - zero) < until:
        yield moment, camera.picture()


def asked(frames: Frames, status: Status) -> Frames:
    """The frames, while the status asks the person for what is due, and counts down."""
    for moment, picture in frames:
        says, left = next((says, end - moment) for (begin, says), (end, _) in pairwise(ASKED) if moment < end)
        status.update(f" {says}  {left:.0f} s")
        yield moment, picture


def watched(frames: Frames) -> Seen:
    """The faces in the frames. What is before the moment 0 lets FaceMesh find the face, and is not kept."""
    from ..vision.facemesh import FaceMesh

    mesh = FaceMesh()
    pictures, moments, faces = 0, [], []
    for moment, picture in frames:
        face = mesh(picture)
        pictures += moment >= 0
        if face is not None and moment >= 0:
            moments.append(moment)
            faces.append(face.points.astype(np.float32))
    mesh.close()
    return Seen(pictures, np.array(moments), np.array(faces).reshape(-1, POINTS, 3))


def profile(seen: Seen, rest: np.ndarray, grimaces: np.ndarray | None) -> HumanFace:
    """rest, grimaces: as HumanFace.observed's. Raises BadInputError where too little was seen."""
    without = seen.pictures - len(seen.faces)
    if not len(seen.faces):
        raise BadInputError(f"no face was seen in {seen.pictures} pictures. Is it in the picture, upright, lit from the front?")
    if without > MOST_WITHOUT * seen.pictures:
        raise BadInputError(f"{without} of {seen.pictures} pictures show no face. Keep it in the picture, lit from the front.")
    if len(rest) < FEWEST_FACES:
        raise BadInputError(f"the face was seen at rest in {len(rest)} pictures only: {FEWEST_FACES} are needed. Take longer.")
    face = HumanFace.observed(rest, grimaces)
    if aperture(face.static) > CLOSED_CM:
        raise BadInputError(
            f"the mouth was never closed for long: it seems to rest {aperture(face.static):.2f} cm open. "
            "Rest with closed lips before you speak or make faces."
        )
    return face


def in_words(seen: Seen, face: HumanFace) -> Iterator[str]:
    yield f"a face in {len(seen.faces)} of {seen.pictures} pictures"
    yield f"mouth at rest {aperture(face.static):.2f} cm open"
    if np.isfinite(face.reach).all():
        yield "reach  " + "  ".join(f"{region} {cm:.2f} cm" for region, cm in zip(REGIONS, face.reach, strict=True))
    else:
        yield "reach  not looked for: the robot's face moves as far as the person's"
