from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.testing import assert_allclose

from lipsync_robot.errors import BadInputError
from lipsync_robot.motors import description
from lipsync_robot.resources import resource
from lipsync_robot.twin import rig

TWIN = yaml.safe_load(resource("config/robots/twin.yaml").read_text())


def test_the_twin_is_described_as_it_is_built(robot: description.Robot) -> None:
    assert tuple(robot.names) == rig.MOTORS
    assert_allclose(robot.neutral, rig.NEUTRAL)


def test_positions_and_targets_are_one_another(robot: description.Robot) -> None:
    positions = np.linspace(0, 1, 11)
    assert_allclose(robot.positions(robot.targets(positions)), positions)


def test_a_servo_may_turn_the_other_way(tmp_path: Path) -> None:
    turned = {**TWIN, "motors": [{**TWIN["motors"][0], "min_us": 2000.0, "max_us": 1000.0}]}
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(turned))
    robot = description.load(tmp_path / "robot.yaml")
    assert robot.targets(np.array([0.25])) == 1750


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"max_us": 2600.0},
            "max_us 2600 is outside the Maestro's 500..2500. Lower it, or set bus: dynamixel.",
        ),
        ({"min_us": 2000.0}, "could never move"),
        ({"max_us": None}, "max_us is missing"),
        ({"min_ticks": 5.0}, "min_ticks is of another bus"),
        ({"neutral": 1.5}, "neutral 1.5 is outside 0..1"),
        ({"max_speed": 0.0}, "max_speed 0 is outside"),
        ({"max_speed": float("inf")}, "max_speed inf is outside"),
        ({"channel": 24}, "channel 24 is outside"),
        ({"channel": 1}, "share the channel 1"),
        ({"name": "jaw"}, "share the name 'jaw'"),
        ({"group": "middle"}, "'middle' is not one of 'upper', 'lower'"),
        ({"neutrall": 0.5}, "unknown setting 'neutrall'. Did you mean 'neutral'?"),
        ({"neutral": "half"}, "neutral: expected float, found 'half'"),
        ({"channel": 1.5}, "channel: expected int"),
    ],
)
def test_every_mistake_is_named(tmp_path: Path, change: dict, says: str) -> None:
    first, *others = TWIN["motors"]
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump({**TWIN, "motors": [{**first, **change}, *others]}))
    with pytest.raises(BadInputError) as error:
        description.load(path)
    assert says in str(error.value)
    assert str(path) in str(error.value)


def test_a_number_is_one_as_everybody_writes_it(tmp_path: Path) -> None:
    first, *others = TWIN["motors"]
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump({**TWIN, "motors": [{**first, "max_speed": "5e-1"}, *others]}))  # text to YAML 1.1
    assert description.load(path).max_speed[0] == 0.5


@pytest.mark.parametrize("file", ["folder.yaml", "latin.yaml"])
def test_what_is_no_text_file_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe4\xff")
    with pytest.raises(BadInputError, match="cannot be read as a file of settings"):
        description.load(tmp_path / file)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("motors: [", "not valid YAML"),
        ("", "expected a mapping"),
        ("name: x\nbus: maestro\nbaud: 9600\nmotors: []", "no motors"),
        (
            "name: x\nbus: maestro\nbaud: -5\nmotors: [{name: a, group: upper, channel: 0, min_us: 1000.0, max_us: 2000.0, "
            "neutral: 0.5, max_speed: 5.0}]",
            "baud -5 is outside the Maestro's 300..200000",
        ),
        ("name: x\nbus: maestro\nbaud: 9600", "'motors' is missing"),
        ("name: x\nbus: canbus\nbaud: 9600\nmotors: []", "'canbus' is not one of 'maestro'"),
        ("name: x\nbus: maestro\nbaud: 9600\nmotors: 3", "expected a list"),
    ],
)
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "robot.yaml").write_text(text)
    with pytest.raises(BadInputError, match=says):
        description.load(tmp_path / "robot.yaml")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timeout_s": 9.0}, "timeout_s 9 is outside the Maestro's 0.1..5"),
        ({"idle_off_s": -1.0}, "idle_off_s -1 is outside"),
        ({"device_number": 128}, "device_number 128 is outside"),
        ({"bus": "dynamixel", "crc": True}, "board, crc and device_number are a Maestro's"),
        ({"board": "micro"}, "channel 6 is outside 0..5 of a Micro Maestro"),
        ({"bus": "dynamixel", "crc": False}, "min_us is of another bus; a Dynamixel has min_ticks"),
    ],
)
def test_what_a_bus_cannot_do_is_named(tmp_path: Path, change: dict, says: str) -> None:
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump({**TWIN, **change}))
    with pytest.raises(description.RobotDescriptionError, match=says):
        description.load(tmp_path / "robot.yaml")
