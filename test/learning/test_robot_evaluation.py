"""A robot that is known to copy well, late, half, or not at all is scored as that; so is an inverse model."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from lipsync_robot.audio.mel import FRAME_RATE
from lipsync_robot.face.landmarks import CANONICAL, LOWER_LIP_INNER, ROBOT, UPPER_LIP_INNER, robot_landmarks
from lipsync_robot.learning import robot_evaluation, robot_pictures, unseen
from lipsync_robot.learning.babble import Babble, Plan
from lipsync_robot.learning.clips import Clip
from lipsync_robot.learning.inverse_scores import Scores
from lipsync_robot.learning.robot_evaluation import STANDS_EVERY, Chain, Copy
from lipsync_robot.motors.description import Robot
from lipsync_robot.twin.simulation import FaceSimulation

CALM = CANONICAL.vertices.astype(np.float32)
CALM[LOWER_LIP_INNER] = CALM[UPPER_LIP_INNER]
REST = CALM + 0.1  # the robot's, which is not the human's


def clip(name: str, person: str, seed: int, hops: int = 200) -> Clip:
    """A mouth that opens and widens at random."""
    time = np.arange(hops) / FRAME_RATE
    rates = np.random.default_rng(seed).uniform(1, 3, 2)
    opening, widening = np.abs(np.sin(np.pi * rates * time[:, None])).T
    displacement = np.zeros((hops, *CALM.shape), np.float32)
    displacement[:, LOWER_LIP_INNER[1:-1], 1] = -opening[:, None]
    displacement[:, [61, 291], 0] = widening[:, None] * [-0.3, 0.3]
    return Clip(name, person, np.zeros((hops, 80), np.float32), CALM, displacement, np.ones(hops, bool))


def copied(data: list[Clip], share: float = 1.0, late: int = 0) -> list[Copy]:
    """By a robot that moves so much of what it is asked for, so many frames late."""
    made = []
    for each in data:
        motion = each.displacement[::2]
        wanted = robot_landmarks(motion)
        moved = share * np.concatenate([np.zeros_like(motion[:late]), motion[: len(motion) - late]])
        stood = share * wanted[::STANDS_EVERY]  # whoever is late stands where he was going
        made.append(Copy(each, each.neutral + motion, wanted, 0.8 * wanted, REST, REST + moved, 0, stood))
    return made


@pytest.fixture
def data() -> list[Clip]:
    return [clip(f"{person}/{i}", person, 10 * i + ord(person)) for person in "ab" for i in range(2)]


@pytest.fixture(scope="module")
def babble(robot: Robot) -> Babble:
    """Poses of parts and of all of the twin's face, without the time that servos take."""
    simulation, random = FaceSimulation(backlash=0.0), np.random.default_rng(0)
    upper = np.array([motor.group == "upper" for motor in robot.motors])
    parts = np.array(["upper", "lower", "whole"] * 100)
    moves = {"upper": upper, "lower": ~upper, "whole": np.ones(len(upper), bool)}
    commands = np.array([np.where(moves[part], random.random(len(upper)), robot.neutral) for part in parts])
    static, landmarks = robot_landmarks(simulation.landmarks()), []
    for command in commands:
        simulation.place(command)
        landmarks.append(robot_landmarks(simulation.landmarks()))
    return Babble(Plan.of(robot, "exact", 0), parts, commands, np.array(landmarks), static, robot.neutral, len(parts))


def test_a_robot_that_does_as_the_human_errs_by_what_was_not_asked(data: list[Clip]) -> None:
    report = robot_evaluation.report({"robot": copied(data)})
    for name in ("aperture_r", "width_r", "closure_recall", "closure_precision"):
        assert report[name] == pytest.approx(1, abs=1e-3), name
    assert report["landmark_error_human"] == pytest.approx(0, abs=1e-6)
    still = robot_evaluation.report({"static": robot_evaluation.still(copied(data))})
    assert report["landmark_error_one_look"] == pytest.approx(0.2 * still["landmark_error_human"], rel=1e-3)
    assert still["landmark_error_one_look"] == pytest.approx(0.8 * still["landmark_error_human"], rel=1e-3)
    assert still["aperture_r"] == still["width_r"] == 0


def test_a_robot_that_does_as_it_was_asked_errs_by_what_was_taken_off(data: list[Clip]) -> None:
    report = robot_evaluation.report({"robot": copied(data, share=0.8)})
    for name in ("landmark_error", "landmark_error_one_look"):
        assert report[name] == pytest.approx(0, abs=1e-6), name
    assert report["landmark_error_human"] > 0.005


def test_a_robot_that_is_a_frame_late_is_told_so(data: list[Clip]) -> None:
    late, prompt = (robot_evaluation.report({"robot": copied(data, late=frames)}) for frames in (1, 0))
    assert late["lag_ms"] == pytest.approx(40, abs=10)
    assert prompt["lag_ms"] == pytest.approx(0, abs=1e-6)
    assert late["landmark_error_human"] > prompt["landmark_error_human"]
    assert late["landmark_error"] == prompt["landmark_error"] > 0.005
    assert late["landmark_error_one_look"] != prompt["landmark_error_one_look"]


def test_a_person_rests_as_in_the_clip_whose_mouth_is_most_closed(data: list[Clip]) -> None:
    open_mouth = data[1].neutral.copy()
    open_mouth[LOWER_LIP_INNER[1:-1], 1] -= 1
    rests = robot_evaluation.at_rest(
        [data[0], *[Clip("a/open", "a", data[0].mel, open_mouth, data[0].displacement, data[0].speech)] * 2]
    )
    assert_allclose(rests["a"], data[0].neutral)


def test_a_report_holds_its_figures_beside_what_they_mean(data: list[Clip], babble: Babble) -> None:
    ours = copied(data)
    ours[0] = ours[0]._replace(lost=3)
    methods = {"robot": ours, "static": robot_evaluation.still(ours), "random": robot_evaluation.at_random(ours, babble)}
    report = robot_evaluation.report(methods)
    assert set(report["baselines"]) == {"static", "random"}
    assert report["baselines"]["random"]["landmark_error"] > report["baselines"]["static"]["landmark_error"]
    assert abs(report["baselines"]["random"]["aperture_r"]) < 0.3
    assert {*report["interval"], "faces_lost"} == set(report["baselines"]["static"])
    assert report["people"]["a"]["clips"] == report["people"]["b"]["clips"] == 2
    assert (report["clips"], report["frames"], report["faces_lost"]) == (4, 400, 3)
    assert report["left_out"] == []
    assert "random and nearest_neighbour" in robot_evaluation.report({"robot": ours})["left_out"][0]


def test_a_nearest_neighbour_finds_what_it_knows_wherever_the_robot_rests(babble: Babble) -> None:
    chain = Chain(lambda _: robot_landmarks, babble.static + 0.3, lambda _: np.zeros(11))
    looked_up = chain.looked_up(babble).inverse
    for index in (0, 1, 2):
        assert_allclose(looked_up(babble.landmarks[index] + 0.3), babble.commands[index])


def test_what_a_neighbour_may_know_are_faces_that_the_robot_can_make(babble: Babble) -> None:
    known, simulation = unseen.known(babble), FaceSimulation(backlash=0.0)
    assert len(known.commands) == len(known.landmarks) > 20 * len(babble.commands)
    for index in np.linspace(0, len(known.commands) - 1, 20).astype(int):
        simulation.place(known.commands[index])
        assert_allclose(robot_landmarks(simulation.landmarks()), known.landmarks[index], atol=0.2)


def test_an_inverse_model_is_scored_on_whole_faces_that_nobody_has_seen(robot: Robot, babble: Babble) -> None:
    test = unseen.whole_faces(robot, "exact", 30)
    assert len(test.commands) == 30
    assert (np.abs(test.commands - robot.neutral) > 1e-3).mean(0).min() > 0.5  # every motor moves
    scored = unseen.scores(robot, "exact", lambda _: robot.neutral, babble, 30)
    assert scored.tested == 30
    assert_allclose(scored.motors, np.abs(test.commands - robot.neutral).mean(0), atol=1e-6)
    assert scored.nearest.mean() < scored.motors.mean() < scored.random.mean()


def test_pictures_show_where_the_error_is(tmp_path: Path, robot: Robot, babble: Babble, data: list[Clip]) -> None:
    ours = copied(data)
    errors = robot_evaluation.landmark_errors({"robot": ours, "static": robot_evaluation.still(ours)})
    lower_lip = [ROBOT.index(point) for point in LOWER_LIP_INNER[1:-1]]
    assert set(np.argsort(errors["static"])[-len(lower_lip) :]) == set(lower_lip)
    robot_pictures.landmark_errors(tmp_path / "landmarks.png", errors, babble.static)
    robot_pictures.coverage(tmp_path / "coverage.png", babble)
    scored = Scores(*np.random.default_rng(0).random((3, 11)), 1.0, 300, 30)
    robot_pictures.motor_errors(tmp_path / "motors.png", {"exact": scored, "camera": scored}, robot.names)
    for name in ("landmarks", "coverage", "motors"):
        picture = np.asarray(Image.open(tmp_path / f"{name}.png")).reshape(-1, 3)
        assert len(np.unique(picture, axis=0)) > 10, name
