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


def test_positions_and_pulses_are_one_another(robot: description.Robot) -> None:
    positions = np.linspace(0, 1, 11)
    assert_allclose(robot.positions(robot.pulses(positions)), positions)


def test_a_servo_may_turn_the_other_way(tmp_path: Path) -> None:
    turned = {**TWIN, "motors": [{**TWIN["motors"][0], "min_us": 2000.0, "max_us": 1000.0}]}
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(turned))
    robot = description.load(tmp_path / "robot.yaml")
    assert robot.pulses(np.array([0.25])) == 1750


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"max_us": 2600.0}, "motor 'brow_outer': max_us 2600 is outside"),
        ({"min_us": 2000.0}, "could never move"),
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("motors: [", "not valid YAML"),
        ("", "expected a mapping"),
        ("name: x\nbus: maestro\nbaud: 9600\nmotors: []", "no motors"),
        (
            "name: x\nbus: maestro\nbaud: -5\nmotors: [{name: a, group: upper, channel: 0, min_us: 1000.0, max_us: 2000.0, "
            "neutral: 0.5, max_speed: 5.0}]",
            "baud -5 is not one of",
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
