"""A robot finds out what its motors do: part by part, whenever it is interrupted, whatever bus it hangs on."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import ROBOT, robot_landmarks
from lipsync_robot.learning import babblers, bag, export, inverse, inverse_scores
from lipsync_robot.learning.babble import CHUNK, Babble, Plan, asked, babble
from lipsync_robot.learning.gaussian_process import GaussianProcess
from lipsync_robot.learning.inverse_parts import Corrected, Forward, Inverse
from lipsync_robot.motors import description
from lipsync_robot.motors.body import Body
from lipsync_robot.motors.buses import open_bus
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.inverse import InverseModel
from lipsync_robot.resources import resource
from lipsync_robot.twin.camera import Camera
from lipsync_robot.twin.controlled import VirtualController
from lipsync_robot.twin.in_process import TurningEye
from lipsync_robot.twin.rig import MOTORS, NEUTRAL
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision.facemesh import SteadyLook

STANDS_FOR = {"brows": "brow_inner", "lids": "lid_upper", "lip_corners": "corner_raise", "lip_round": "lip_protrude"}


@pytest.fixture(scope="module")
def robot() -> Robot:
    return description.load(resource("config/robots/twin.yaml"))


def exact(robot: Robot, folder: Path, samples: int) -> Babble:
    chunks = babblers.live(partial(babblers.twin, robot, "exact"), seed=0)
    return babble(Plan.of(robot, "exact", 0), folder, samples, chunks)


@pytest.fixture(scope="module")
def babbled(robot: Robot, tmp_path_factory: pytest.TempPathFactory) -> Babble:
    return exact(robot, tmp_path_factory.mktemp("babble"), 500)


def test_the_parts_of_the_face_move_in_turn(robot: Robot, babbled: Babble) -> None:
    upper = np.array([motor.group == "upper" for motor in robot.motors])
    assert (babbled.commands[babbled.of("upper")][:, ~upper] == robot.neutral[~upper]).all()
    assert (babbled.commands[babbled.of("lower")][:, upper] == robot.neutral[upper]).all()
    moves = babbled.commands[babbled.of("whole")] != robot.neutral
    assert 0.7 < moves.mean() < 0.9
    assert babbled.commands.min() >= 0
    assert babbled.commands.max() <= 1
    assert len(babbled.commands) == babbled.tried == 500


def test_babble_goes_on_where_it_was_interrupted(robot: Robot, babbled: Babble, tmp_path: Path) -> None:
    exact(robot, tmp_path, CHUNK)
    first = next(tmp_path.glob("*.npz"))
    written = first.stat().st_mtime_ns
    (tmp_path / "00001.npz.partial").write_bytes(b"interrupted")
    whole = exact(robot, tmp_path, 3 * CHUNK)
    assert first.stat().st_mtime_ns == written
    assert_array_equal(whole.commands, babbled.commands[: 3 * CHUNK])
    assert np.abs(whole.landmarks - babbled.landmarks[: 3 * CHUNK]).max() < 0.1  # cm: where a motor came from, it has play


def test_a_folder_is_of_one_robot_and_one_seed(robot: Robot, tmp_path: Path) -> None:
    exact(robot, tmp_path, CHUNK)
    with pytest.raises(BadInputError, match="was begun with other settings"):
        babble(Plan.of(robot, "exact", 1), tmp_path, CHUNK, lambda wanted: [])
    with pytest.raises(BadInputError, match="was begun with other settings"):
        babble(Plan.of(robot, "exact", 0, "other"), tmp_path, CHUNK, lambda wanted: [])
    wider = replace(robot, motors=[replace(robot.motors[0], max_us=robot.motors[0].max_us + 100), *robot.motors[1:]])
    with pytest.raises(BadInputError, match="was begun with other settings"):  # commands are shares of the range
        babble(Plan.of(wider, "exact", 0), tmp_path, CHUNK, lambda wanted: [])
    next(tmp_path.glob("*.npz")).write_bytes(b"PK")
    with pytest.raises(BadInputError, match="Delete it and run the same babble again"):
        Babble.load(tmp_path)
    with pytest.raises(BadInputError, match="holds no babble"):
        Babble.load(tmp_path / "nowhere")


def test_what_a_bag_recorded_looks_the_same_again(robot: Robot, tmp_path: Path) -> None:
    plan = Plan.of(robot, "camera", 0)
    live = babble(plan, tmp_path / "live", CHUNK, babblers.live(partial(babblers.twin, robot, "camera"), 0, tmp_path / "bag"))
    assert bag.chunks(tmp_path / "bag", robot.names) == 1
    again = babble(plan, tmp_path / "again", CHUNK, babblers.replayed(robot, SteadyLook(), tmp_path / "bag"))
    assert_array_equal(again.commands, live.commands)
    assert_array_equal(again.landmarks, live.landmarks)
    assert (
        len(babble(plan, tmp_path / "again", CHUNK, babblers.replayed(robot, SteadyLook(), tmp_path / "bag")).commands) == CHUNK
    )
    truly = exact(robot, tmp_path / "exact", CHUNK)
    assert np.linalg.norm(live.landmarks - truly.landmarks, axis=-1).mean() < 0.5  # cm
    with pytest.raises(BadInputError, match="does not exist yet"):
        next(bag.recorded(iter([]), robot.names, tmp_path / "bag"))
    with pytest.raises(BadInputError, match="recorded of the motors brow_outer"):
        next(bag.replayed(tmp_path / "bag", ["jaw"]))
    with pytest.raises(BadInputError, match="cannot be read as a rosbag2"):
        next(bag.replayed(tmp_path, robot.names))


def test_a_face_that_is_not_seen_is_said_so(robot: Robot, tmp_path: Path) -> None:
    body, _ = babblers.twin(robot, "exact")
    with pytest.raises(BadInputError, match="twin was never seen at rest"):
        babble(Plan.of(robot, "camera", 0), tmp_path, CHUNK, babblers.live(lambda: (body, lambda views: None), 0))
    with pytest.raises(BadInputError, match="holds no babble"):
        Babble.load(tmp_path)
    assert len(exact(robot, tmp_path, CHUNK).commands) == CHUNK  # other settings than those that led nowhere


def test_when_most_faces_are_lost_it_stops_and_goes_on_once_that_is_mended(robot: Robot, tmp_path: Path) -> None:
    lamp = iter([True] * 30)  # then it goes out

    def wake() -> babblers.Awake:
        body, look = babblers.twin(robot, "exact")
        return body, lambda views: look(views) if next(lamp, False) else None

    plan = Plan.of(robot, "exact", 0)
    with pytest.raises(BadInputError, match=r"2\d of the last 25 poses of twin showed no face"):
        babble(plan, tmp_path, 3 * CHUNK, babblers.live(wake, 0))
    assert len(Babble.load(tmp_path).commands) == CHUNK
    assert len(babble(plan, tmp_path, 3 * CHUNK, babblers.live(lambda: babblers.twin(robot, "exact"), 0)).commands) == 3 * CHUNK
    (tmp_path / "settings.json").write_text("")
    with pytest.raises(BadInputError, match=r"settings.json: is not what babble wrote"):
        Babble.load(tmp_path)


class Head:
    """A camera before seven Dynamixels that drive a face with eleven places to drive: two of them move with the others."""

    def __init__(self, robot: Robot, controller: VirtualController) -> None:
        self._robot, self._controller = robot, controller
        self._simulation = FaceSimulation(backlash=0.0)
        self._eye = TurningEye(Camera(self._simulation, 320, 240, samples=0))

    def picture(self) -> np.ndarray:
        return self._seen(self._eye.picture)

    def views(self) -> Iterator[np.ndarray]:
        self.picture()
        return self._eye.views()

    def _seen(self, look):
        face = NEUTRAL.copy()
        for name, position in zip(self._robot.names, self._controller.positions(), strict=True):
            face[MOTORS.index(STANDS_FOR.get(name, name))] = np.clip(position, 0, 1)
        self._simulation.place(face)
        return look()


def test_another_robot_babbles_on_its_own_bus(tmp_path: Path) -> None:
    """Seven Dynamixels on a pty, in real time, seen by a camera."""
    file = resource("config/robots/dynamixel_head.yaml")
    robot = description.load(file)
    controller = VirtualController(file, tmp_path / "port", None)
    try:
        wake = lambda: (Body(robot, lambda: open_bus(robot, str(tmp_path / "port")), Head(robot, controller)), SteadyLook())  # noqa: E731
        learned = babble(Plan.of(robot, "camera", 0), tmp_path / "babble", CHUNK, babblers.live(wake, 0))
    finally:
        controller.close()
    assert learned.commands.shape == (CHUNK, 7)
    wanted = [command for part, command in asked(robot, 0, range(CHUNK)) if part != "rest"]
    assert_allclose(learned.commands, wanted, atol=1e-6)
    moved = learned.of("lower", "whole")
    chin = learned.landmarks[moved, ROBOT.index(152), 1]
    assert np.corrcoef(learned.commands[moved, robot.names.index("jaw")], chin)[0, 1] < -0.5


@pytest.mark.parametrize("guess", ["process", "networks"])
def test_babble_teaches_a_robot_its_motors(guess: str, robot: Robot, babbled: Babble, tmp_path: Path) -> None:
    config = inverse.InverseConfig(guess=guess, epochs=6, units=64, combined=8000)  # type: ignore[arg-type]
    learned = inverse.train(config, babbled, tmp_path / "run")
    export.inverse(learned.inverse, robot.names, tmp_path / "inverse.onnx")
    model = InverseModel(tmp_path / "inverse.onnx", robot.names)
    scores = inverse_scores.scores(model, learned.test, learned.known)
    figures = scores.figures()
    assert figures["mae"] < 0.5 * figures["nearest_neighbour_mae"] < 0.5 * figures["random_mae"]
    assert figures["random_mae"] == pytest.approx(0.33, abs=0.06)  # of twelve faces
    assert scores.motors.shape == (11,)
    with torch.no_grad():
        by_torch = learned.inverse(torch.from_numpy(learned.test.landmarks).float()).clamp(0, 1)
    assert_allclose([model(face) for face in learned.test.landmarks], by_torch, atol=1e-3)
    with pytest.raises(BadInputError, match="was trained for the motors brow_outer"):
        InverseModel(tmp_path / "inverse.onnx", ["jaw"])


def test_parts_that_are_added_up_are_whole_faces(robot: Robot, babbled: Babble) -> None:
    """Both parts move the points by which faces are aligned: what is cut and pasted is no face that the robot makes."""
    random = np.random.default_rng(0)
    faces = inverse.combined(babbled, babbled.of("upper"), babbled.of("lower"), 50, random)
    simulation = FaceSimulation(backlash=0.0)
    errors = []
    for landmarks, command in zip(*faces, strict=True):
        simulation.place(command)
        errors.append(np.linalg.norm(landmarks - robot_landmarks(simulation.landmarks()), axis=-1).mean())
    assert np.mean(errors) < 0.03  # cm, backlash included


def test_what_was_split_stays_split(babbled: Babble) -> None:
    held = [inverse.held_in(babbled, tenths) for tenths in inverse.TENTHS.values()]
    for part in ("upper", "lower", "whole"):
        poses = np.concatenate([one[part] for one in held])
        assert sorted(poses) == sorted(babbled.of(part))


def test_too_little_babble_is_refused(robot: Robot, tmp_path: Path) -> None:
    little = exact(robot, tmp_path / "babble", CHUNK)
    with pytest.raises(BadInputError, match="25 poses are too few"):
        inverse.train(inverse.InverseConfig(), little, tmp_path / "run")


def test_known_faces_tell_what_moves_an_unknown_one_and_their_noise_does_not() -> None:
    random = np.random.default_rng(0)
    moves, bends = random.normal(size=(2, 4, 226)) * 0.1

    def made(commands: np.ndarray) -> np.ndarray:  # cm
        return (commands @ moves + commands**2 @ bends).reshape(-1, 113, 2)

    commands, fresh = random.random((400, 4)), random.random((100, 4))
    noise = 0.02 * random.normal(size=(400, 113, 2))
    process = GaussianProcess(made(commands) + noise, commands, scored=np.ones(400, bool))
    with torch.no_grad():
        told = process(torch.from_numpy(made(fresh)).float())
        again = process(torch.from_numpy(made(commands) + noise).float())
    assert np.abs(told - fresh).mean() < 0.01  # of the range; the nearest face errs by 0.09
    assert np.abs(again - commands).mean() > 1e-3  # it has not learned them by heart


@pytest.fixture
def image() -> Forward:
    """A robot that does what its image says."""
    torch.manual_seed(0)
    image = Forward(113, 11, 16)
    image.motions.copy_(torch.linalg.qr(torch.randn(226, 16)).Q.T)
    return image.requires_grad_(False)


def test_a_guess_is_corrected_by_what_the_robot_knows_of_itself(image: Forward) -> None:
    """A guess that is off by a bias, and an image that is right: the image wins, where it can tell."""
    guess = Inverse(113, 11, 8, 1)
    commands = 0.3 + 0.4 * torch.rand(300, 11)
    with torch.no_grad():
        seen = image(commands) + 0.001 * torch.randn(300, 113, 2)
        corrected = Corrected(guess, image, seen[:200], commands[:200])
        before, after = ((made(seen[200:]) - commands[200:]).abs().mean() for made in (guess, corrected))
    assert after < before / 5
