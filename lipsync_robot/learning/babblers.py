"""Who babbles: the twin in several processes, a robot on its bus, or a bag of what one of them did before."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from .. import bags
from ..motors.body import Body
from ..motors.buses import open_bus
from ..motors.description import Robot
from ..twin import in_process
from ..twin.camera import Camera
from ..twin.simulation import FaceSimulation
from ..vision.camera import Camera as RealCamera
from ..vision.facemesh import SteadyLook
from . import bag
from .babble import CHUNK, Chunk, Chunks, Look, Source, asked, moved, seen

EXPOSURE_S = 2.0  # in which a webcam finds its exposure and white balance: until then everything seems to move
WIDTH, HEIGHT = 320, 240  # pixels of the twin's camera
Awake = tuple[Body, Look]  # a robot, and how to look at it


def live(wake: Callable[[], Awake], seed: int, record: Path | None = None) -> Chunks:
    """One robot, woken if there is anything to do. record: a bag to write, which must not exist yet."""

    def chunks(wanted: list[range]) -> Iterator[tuple[range, Chunk]]:
        if not wanted:
            return
        if record is not None:
            bags.must_be_new(record)
        body, look = wake()
        poses = (pose for some in wanted for pose in moved(body, asked(body.robot, seed, some)))
        kept = poses if record is None else bag.recorded(poses, body.robot.names, record)
        with body, closing(kept):  # a bag is whole only once it is closed
            for some in wanted:
                yield some, seen(islice(kept, 1 + len(some)), look, len(body.robot.motors))

    return chunks


def replayed(robot: Robot, look: Look, path: Path) -> Chunks:
    """What was recorded, looked at once more."""

    def chunks(wanted: list[range]) -> Iterator[tuple[range, Chunk]]:
        for k, poses in enumerate(bag.from_rest_to_rest(bag.replayed(path, robot.names))):
            some = range(k * CHUNK, (k + 1) * CHUNK)
            if some in wanted:
                yield some, seen(poses, look, len(robot.motors))

    return chunks


def twins(robot: Robot, source: Source, seed: int, face: str, workers: int) -> Chunks:
    """Several twins, each in a process of its own, faster than real time."""

    def chunks(wanted: list[range]) -> Iterator[tuple[range, Chunk]]:
        with ProcessPoolExecutor(workers, get_context("spawn"), _draw_alone) as pool:
            yield from zip(wanted, pool.map(partial(_babbled, robot, source, seed, face), wanted), strict=True)

    return chunks


def twin(robot: Robot, source: Source, face: str = "canonical") -> Awake:
    """The twin in this process; `exact`: what is looked at are the skin's own vertices."""
    simulation = FaceSimulation(face=face)
    if source == "exact":
        return in_process.body(robot, simulation, in_process.ServoEye(simulation)), lambda views: views[0]
    eye = in_process.TurningEye(Camera(simulation, WIDTH, HEIGHT, samples=0))
    return in_process.body(robot, simulation, eye), SteadyLook(source == "grey")


def real(robot: Robot, source: Source, port: str, camera: str) -> Awake:
    """A robot on a serial port, before a camera. Raises BusError or CameraError."""
    eye, look = RealCamera(camera), SteadyLook(source == "grey")  # first, as they take their time: a bus that waits goes home
    exposed = time.monotonic() + EXPOSURE_S
    while time.monotonic() < exposed:
        eye.picture()
    return Body(robot, lambda: open_bus(robot, port), eye), look


def _draw_alone() -> None:
    """With Mesa's own threads, in each process as many as there are processors, a picture costs a sixth more."""
    os.environ.setdefault("LP_NUM_THREADS", "0")


_in_this_process: dict[str, Awake] = {}  # a twin takes seconds to wake


def _babbled(robot: Robot, source: Source, seed: int, face: str, poses: range) -> Chunk:
    if face not in _in_this_process:
        _in_this_process[face] = twin(robot, source, face)
    body, look = _in_this_process[face]
    return seen(moved(body, asked(robot, seed, poses)), look, len(robot.motors))
