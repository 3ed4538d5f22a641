"""Parameters that change while a node runs, through the services that `ros2 param` uses; and those that must not."""

import array
import itertools
import math
import signal
from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
from lipsync_robot.msg import Audio, FaceLandmarks, MotorCommand, RobotLandmarks

from lipsync_robot.audio.files import FULL_SCALE
from lipsync_robot.audio.mel import HOP, SAMPLE_RATE
from lipsync_robot.face.landmarks import REGIONS, ROBOT_POINTS
from lipsync_robot.face.profile import HumanFace
from lipsync_robot.nodes import common, composed
from lipsync_robot.resources import resource

LIVE = {
    "audio2landmark": {"mouth_gain", "blinks"},
    "retarget": {"gain_mouth", "gain_jaw", "gain_eyes", "gain_brows"},
    "inverse_model": {"lifetime_s"},
    "motor_driver": {"deadline_s"},
    "face_landmarks": {"most_turned_deg", "least_sharp", "near_cm"},
    "camera": {"width"},
}
LOST = 3  # faces of a second of sound, whose look-ahead was not heard any more: 60 ms
REST = HumanFace.load(resource("models/human_face.npz")).static
OPEN = REST.copy()
OPEN[OPEN[:, 1] < OPEN[13, 1], 1] -= 1.0  # cm: all that is below the upper lip


@pytest.fixture
def node(ear) -> Callable:
    """node("retarget") -> the node itself, served by this process."""
    made = []

    def make(name: str):
        kind = getattr(import_module(f"lipsync_robot.nodes.{name}"), composed.NODES[name])
        made.append(kind())
        ear.add(made[-1])
        return made[-1]

    yield make
    for each in made:
        each.destroy_node()


def displaced(landmarks: RobotLandmarks, rest: RobotLandmarks) -> float:
    """How far the lips are from where they rest, cm."""
    way = (np.asarray(landmarks.points) - np.asarray(rest.points)).reshape(ROBOT_POINTS, 2)
    return float(np.linalg.norm(way[REGIONS["mouth"]], axis=1).max())


def test_a_gain_that_is_set_while_the_face_speaks_moves_the_mouth_by_as_much(ear, start, parameters) -> None:
    process = start("retarget")
    heard = ear.hear(RobotLandmarks, "robot/landmarks")
    faces = ear.node.create_publisher(FaceLandmarks, "human/landmarks", 10)
    assert ear.until(lambda: faces.get_subscription_count() and ear.listens())

    def shown(face: np.ndarray) -> RobotLandmarks:
        message = FaceLandmarks(points=face.astype(np.float32).ravel())
        message.header.stamp.sec = next(moments)
        assert ear.until(lambda: faces.publish(message) or (heard and heard[-1].header.stamp == message.header.stamp))
        return heard[-1]

    moments, settings = itertools.count(1), parameters("retarget")
    rest = shown(REST)
    opened = displaced(shown(OPEN), rest)
    assert opened > 0.3
    assert settings.set(gain_mouth=0.0) == ""
    assert displaced(shown(OPEN), rest) < opened / 2  # the jaw has a gain of its own
    assert settings.set(gain_mouth=1) == ""  # a whole number is as good
    assert settings.get("gain_mouth") == [1.0]
    assert displaced(shown(OPEN), rest) == pytest.approx(opened, abs=0.01)
    for wrong in (math.nan, -0.1, 3.1, "wide", True):
        assert settings.set(gain_mouth=wrong) != ""
    assert settings.set_all_or_none(gain_mouth=0.0, gain_jaw=9.0) != ""
    assert displaced(shown(OPEN), rest) == pytest.approx(opened, abs=0.01)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"gain_mouth": 3.1}, "node retarget: parameter 'gain_mouth' is 3.1; it goes from 0.0 to 3.0."),
        ({"gain_mouth": math.nan}, "node retarget: parameter 'gain_mouth' is nan; it goes from 0.0 to 3.0."),
        ({"gain_mouth": math.inf}, "node retarget: parameter 'gain_mouth' is inf; it goes from 0.0 to 3.0."),
        ({"gain_mouth": "wide"}, "node retarget: parameter 'gain_mouth' is 'wide'; give a float."),
        ({"gain_mouth": True}, "node retarget: parameter 'gain_mouth' is True; give a float."),
        ({"gain_mouth": None}, "node retarget: parameter 'gain_mouth' is None; give a float."),
        ({"gain_mouht": 1.0}, "node retarget: unknown parameter 'gain_mouht'. Did you mean 'gain_mouth'?"),
        (
            {"mapping": "mine.onnx"},
            "node retarget: parameter 'mapping' is fixed while it runs. Give it where the node is started.",
        ),
    ],
)
def test_what_must_not_be_set_is_refused_in_a_sentence_and_changes_nothing(parameters, node, value: dict, says: str) -> None:
    node("retarget")
    settings = parameters("retarget")
    assert settings.set(**value) == says
    assert settings.set_all_or_none(gain_jaw=0.5, **value) == says
    assert settings.get("gain_mouth", "gain_jaw", "mapping") == [1.0, 1.0, ""]


@pytest.mark.parametrize("name", LIVE)
def test_a_node_says_what_its_parameters_mean_and_which_may_be_set(parameters, node, name: str) -> None:
    made = node(name)
    settings = parameters(name)
    names = sorted(set(made.get_parameters_by_prefix("")) - {"use_sim_time", "start_type_description_service"})
    described = {each.name: each for each in settings.describe(*names)}
    assert all(each.description for each in described.values())
    assert {each.name for each in described.values() if not each.read_only} == LIVE[name]
    for each in (described[name] for name in LIVE[name]):
        span = [*each.floating_point_range, *each.integer_range]
        ends = [span[0].from_value, span[0].to_value] if span else [False, True]
        for end in ends:
            assert settings.set(**{each.name: end}) == ""
            assert settings.get(each.name) == [end]


def test_a_lifetime_that_is_set_is_that_of_the_next_command(ear, node, parameters) -> None:
    node("inverse_model")
    heard = ear.hear(MotorCommand, "motor/command")
    landmarks = ear.node.create_publisher(RobotLandmarks, "robot/landmarks", 10)
    assert ear.until(lambda: landmarks.get_subscription_count() and ear.listens())
    assert parameters("inverse_model").set(lifetime_s=1.25) == ""
    message = RobotLandmarks(points=np.zeros(2 * ROBOT_POINTS, np.float32))
    assert ear.until(lambda: landmarks.publish(message) or heard)
    assert (heard[-1].lifetime.sec, heard[-1].lifetime.nanosec) == (1, 250_000_000)


def test_a_mouth_gain_and_blinks_that_are_set_count_from_the_next_block_of_sound(ear, node, parameters, speech) -> None:
    node("audio2landmark")
    settings = parameters("audio2landmark")
    heard = ear.hear(FaceLandmarks, "human/landmarks")
    sound = ear.node.create_publisher(Audio, "audio", common.SOUND)
    assert ear.until(lambda: sound.get_subscription_count() and ear.listens())

    def spoken(begin: float) -> np.ndarray:
        """A second of speech, whose stamps begin there -> all faces of it, (n, 1404)."""
        heard.clear()
        blocks = (speech[5 * SAMPLE_RATE : 6 * SAMPLE_RATE] * FULL_SCALE).astype(np.int16).reshape(-1, HOP)
        for i, block in enumerate(blocks):
            message = Audio(sample_rate=SAMPLE_RATE, samples=array.array("h", block.tobytes()))
            message.header.stamp = common.to_stamp(begin + i * HOP / SAMPLE_RATE)
            sound.publish(message)
        assert ear.until(lambda: len(heard) == len(blocks) - LOST)
        return np.array([message.points for message in heard])

    assert settings.set(blinks=False) == ""
    moved = spoken(100.0)
    assert np.ptp(moved, axis=0).max() > 0.3  # cm
    assert settings.set(mouth_gain=0.5) == ""
    rest = REST.ravel()
    assert spoken(200.0) - rest == pytest.approx((moved - rest) / 2, abs=1e-4)
    assert settings.set(mouth_gain=0.0) == ""
    assert spoken(300.0) == pytest.approx(np.tile(rest, (len(moved), 1)), abs=1e-4)
    assert settings.set(blinks=True) == ""
    assert any(np.ptp(spoken(400.0 + second), axis=0).max() > 0.3 for second in range(30))  # the lids close now and then
