"""The expression mapping network, from people and babble to what runs: it takes identity off and leaves the expression on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from straight_face import straight_face

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.attributes import ATTRIBUTES, attributes
from lipsync_robot.face.landmarks import CANONICAL, ROBOT, robot_landmarks
from lipsync_robot.face.mapping import Mapping
from lipsync_robot.face.metric import aligned
from lipsync_robot.face.retarget import RobotFace
from lipsync_robot.learning import clips, mapping, shards
from lipsync_robot.twin import rig

STATIC = robot_landmarks(aligned(rig.skinned(rig.NEUTRAL)))


class Person:
    """A stranger's face: the robot's, seen through a smooth warp of space that is their own."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self._across, self._up = random.normal(0, 0.25, (2, 6))
        self._stretch = 1 + random.normal(0, 0.06, 2)

    def __call__(self, landmarks: np.ndarray) -> np.ndarray:
        """landmarks (..., 113, 2) cm -> the same expression on this face."""
        x, y = landmarks[..., 0] / 8, landmarks[..., 1] / 8
        across = x * (np.stack([x**0, y, y * y, x * x, np.sin(2 * y), x * x * y], axis=-1) @ self._across)
        up = np.stack([x * y, abs(x), x * x, y * y, np.sin(2 * y) * x * x, x**0], axis=-1) @ self._up
        return landmarks * self._stretch + np.stack([across, up], axis=-1)


PEOPLE = np.array([Person(seed)(STATIC) for seed in range(26)])
STRANGERS = [Person(seed) for seed in range(100, 110)]
SMALL = mapping.MappingConfig(units=64, steps=1000)


def human(landmarks: np.ndarray) -> np.ndarray:
    """landmarks (113, 2) -> a face (468, 3) that has them."""
    face = CANONICAL.vertices.copy()
    face[ROBOT, :2] = landmarks
    return face


def error(landmarks: np.ndarray, true: np.ndarray) -> float:
    return float(np.linalg.norm(landmarks - true, axis=-1).mean())


COMMANDS = np.random.default_rng(0).random((1500, len(rig.MOTORS)))


@pytest.fixture(scope="module")
def babbled() -> np.ndarray:
    return np.array([robot_landmarks(aligned(rig.skinned(command))) for command in COMMANDS])


@pytest.fixture(scope="module")
def robot(babbled: np.ndarray) -> RobotFace:
    return straight_face(COMMANDS, babbled, STATIC, rig.NEUTRAL)


@pytest.fixture(scope="module")
def trained(babbled: np.ndarray) -> tuple:
    return mapping.train(SMALL, PEOPLE, babbled, STATIC)


@pytest.fixture(scope="module")
def weights(trained: tuple, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mapping") / "twin_mapping.npz"
    mapping.save(trained[0], path)
    return path


def test_a_direction_is_what_an_attribute_does_to_the_landmarks() -> None:
    """Eyes further apart by so many cm, on faces that differ in nothing else."""
    faces = np.repeat(STATIC[None], 8, axis=0)
    faces[:, 40:56, 0] -= np.linspace(-0.2, 0.3, 8)[:, None]
    faces[:, 56:72, 0] += np.linspace(-0.2, 0.3, 8)[:, None]
    with np.errstate(invalid="ignore"):  # of the attributes that are all alike
        found = mapping.directions(faces)[ATTRIBUTES.index("eye distance")].reshape(113, 2)
    wanted = np.zeros((113, 2))
    wanted[40:56, 0], wanted[56:72, 0] = -0.5, 0.5
    assert_allclose(found, wanted, atol=1e-9)


def test_directions_agree_between_two_halves_of_the_people_and_equation_2_as_printed_does_not() -> None:
    def printed(faces: np.ndarray) -> np.ndarray:
        labels, landmarks = attributes(faces), faces.reshape(len(faces), -1)
        one, other = np.triu_indices(len(faces), 1)
        ratio = (landmarks[one] - landmarks[other])[:, None] / (labels[one] - labels[other])[..., None]
        return ratio.mean(0)

    def agreement(directions) -> float:
        one, other = directions(PEOPLE[::2]), directions(PEOPLE[1::2])
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        return float(((one * other).sum(1) / lengths).mean())

    assert agreement(mapping.directions) > 0.7
    assert agreement(printed) < 0.5


def test_people_made_up_differ_as_people_do() -> None:
    identities = torch.from_numpy(PEOPLE - STATIC).float()
    directions = torch.from_numpy(mapping.directions(PEOPLE)).float()
    torch.manual_seed(0)
    drawn = mapping.Population(directions, identities, spread=1.0)(4000)
    assert error(drawn.mean(0).numpy(), identities.mean(0).numpy()) < 0.05  # cm
    assert drawn.var(0).sum() == pytest.approx(float(identities.var(0).sum()), rel=0.15)


def test_identity_is_taken_off_people_never_met(robot: RobotFace, weights: Path, babbled: np.ndarray) -> None:
    nothing_done, kept_in_reach, taken_off = [], [], []
    for stranger in STRANGERS:
        network = Mapping(weights, robot)
        for true in babbled[:60]:
            seen = stranger(true)
            nothing_done.append(error(seen, true))
            kept_in_reach.append(error(robot.reachable(seen), true))
            taken_off.append(error(network(human(seen)), true))
    assert np.mean(taken_off) < np.mean(nothing_done) / 2.5
    assert np.mean(taken_off) < np.mean(kept_in_reach) / 1.5


def test_held_out_babble_is_undressed(trained: tuple) -> None:
    network, scores = trained
    assert scores["error_cm"] < scores["unmapped_error_cm"] / 3
    rested = mapping.at_rest(network, np.array([stranger(STATIC) for stranger in STRANGERS]))
    assert rested["strangers_at_rest_cm"] < rested["unmapped_strangers_cm"] / 2
    assert mapping.at_rest(network, np.empty((0, 113, 2))) == {}


def test_an_expression_stays_what_it_is(robot: RobotFace, weights: Path, babbled: np.ndarray) -> None:
    """The mouth's opening and its width, which a frame's own weights would take for identity in part."""
    network, stranger = Mapping(weights, robot), STRANGERS[0]
    found = np.array([network(human(stranger(true))) for true in babbled[:400]])[100:]
    true = babbled[100:400]
    for one, other, axis in ((13, 14, 1), (61, 291, 0)):
        rows = ROBOT.index(one), ROBOT.index(other)
        found_extent, true_extent = (faces[:, rows[0], axis] - faces[:, rows[1], axis] for faces in (found, true))
        assert np.corrcoef(found_extent, true_extent)[0, 1] > 0.9


def test_what_runs_is_what_was_trained(trained: tuple, robot: RobotFace, weights: Path, babbled: np.ndarray) -> None:
    landmarks = STRANGERS[0](babbled[0])
    with torch.no_grad():
        expected = trained[0](torch.from_numpy(landmarks).float()[None])[0].numpy()
    assert_allclose(Mapping(weights, robot)(human(landmarks)), robot.reachable(expected), atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 50.0])
def test_what_is_no_face_is_not_taken_for_the_person(robot: RobotFace, weights: Path, value: float) -> None:
    network, rest = Mapping(weights, robot), human(STRANGERS[0](STATIC))
    for _ in range(5):
        before = network(rest)
    with np.errstate(invalid="ignore"):
        found = network(np.full((468, 3), value))
    assert np.isfinite(found).all() if np.isfinite(value) else np.isnan(found).all()
    assert_allclose(network(rest), before, atol=1e-5)


def test_another_robots_mapping_is_refused(weights: Path, babbled: np.ndarray, tmp_path: Path) -> None:
    other = straight_face(COMMANDS, 1.1 * babbled, 1.1 * STATIC, rig.NEUTRAL)
    with pytest.raises(BadInputError, match=r"trained for a robot of another face. Train one: lipsync-robot train mapping"):
        Mapping(weights, other)
    other.save(tmp_path / "face.npz")
    with pytest.raises(BadInputError, match=r"face.npz: holds no directions"):
        Mapping(tmp_path / "face.npz", other)


def test_two_people_are_too_few(babbled: np.ndarray) -> None:
    with pytest.raises(BadInputError, match="show 2 people: 3 are the fewest"):
        mapping.train(SMALL, PEOPLE[:2], babbled, STATIC)


def test_a_person_is_the_face_of_their_clips_whose_mouth_is_closed(tmp_path: Path) -> None:
    def clip(name: str, opened: float) -> tuple[shards.Entry, shards.Clip]:
        faces = np.repeat(CANONICAL.vertices[None], 30, axis=0)
        faces[:, 14, 1] -= opened
        return shards.Entry(name, name[0], frames=30, frame_rate=25.0), shards.Clip(faces, 25.0, np.zeros((60, 80), np.float32))

    opened = {"a1": 0.8, "a2": 0.0, "a3": 0.7, "a4": 0.9, "b1": 0.3}
    shards.write(tmp_path, 0, [clip(name, cm) for name, cm in opened.items()])
    shards.finish(tmp_path, [])
    people = mapping.people(clips.load_all(tmp_path))
    inner = [ROBOT.index(13), ROBOT.index(14)]
    apart = people[:, inner[0], 1] - people[:, inner[1], 1]
    assert apart == pytest.approx(apart.min() + np.array([0.0, 0.3]), abs=0.01)
