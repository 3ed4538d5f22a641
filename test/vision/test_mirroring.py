"""From a film's pictures to the twin's face, without a clock: what a mirroring robot does on a machine that is fast enough."""

from pathlib import Path

import numpy as np

from lipsync_robot.face import scores
from lipsync_robot.face.landmarks import CANONICAL, aperture, brow_height
from lipsync_robot.face.profile import UNKNOWN, HumanFace, Stranger
from lipsync_robot.face.retarget import Retarget, RobotFace
from lipsync_robot.learning.closed_loop import FRAME_S
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.inverse import InverseModel
from lipsync_robot.resources import resource
from lipsync_robot.twin import in_process
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision import video
from lipsync_robot.vision.watch import Watcher

SETTLED = 10  # frames in which a stranger's face at rest begins to be known


def test_a_stranger_who_speaks_and_raises_the_brows_is_mirrored(person: Path, robot: Robot) -> None:
    watcher, stranger, simulation = Watcher(), Stranger(), FaceSimulation()
    retarget = Retarget(HumanFace(CANONICAL.vertices, UNKNOWN), RobotFace.load(resource("models/twin_face.npz")))
    inverse = InverseModel(resource("models/twin_inverse.onnx"), robot.names)
    seen, shown = [], []
    with in_process.body(robot, simulation, in_process.ServoEye(simulation)) as body:
        for moment, picture in video.frames(person):
            sight = watcher(picture, moment)
            assert sight.face is not None, sight.why
            retarget.human = stranger(sight.face.points, moment)
            body.play(inverse(retarget(sight.face.points)), FRAME_S)
            seen.append(sight.face.points)
            shown.append(simulation.landmarks())
    watcher.close()
    human, twin = np.array(seen[SETTLED:]), np.array(shown[SETTLED:])
    assert scores.correlation(aperture(twin), aperture(human)) > 0.9
    assert scores.correlation(brow_height(twin), brow_height(human)) > 0.8
