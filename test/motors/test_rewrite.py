"""One setting of a robot's YAML changes, and nothing else."""

from pathlib import Path

import pytest

from lipsync_robot.motors import description
from lipsync_robot.motors.description import RobotDescriptionError
from lipsync_robot.motors.rewrite import rewrite, with_setting

YAML = """# My robot's face.
name: emo   # by hand
bus: maestro
baud: 115200
servo_lag_s:   0.05  # measured on Monday

# Found with motors limits.
motors:
  - {name: jaw, group: lower, channel: 4, min_us: 1000.0, max_us: 2000.0, neutral: 0.0, max_speed: 6.6}
"""


def test_a_value_is_replaced_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "emo.yaml"
    path.write_text(YAML)
    rewrite(path, lambda text: with_setting(text, "servo_lag_s", 0.034))
    assert path.read_text() == YAML.replace("0.05", "0.034")
    assert description.load(path).servo_lag_s == 0.034
    assert list(tmp_path.iterdir()) == [path]


def test_what_does_not_stand_there_yet_comes_before_the_motors() -> None:
    without = YAML.replace("servo_lag_s:   0.05  # measured on Monday\n", "")
    assert with_setting(without, "servo_lag_s", 0.034) == without.replace("motors:", "servo_lag_s: 0.034\nmotors:")


@pytest.mark.parametrize("text", ["{name: a, motors: []}", "servo_lag_s: &lag 0.05\ntimeout_s: *lag\nmotors: []"])
def test_what_takes_more_than_a_line_is_left_to_a_person(text: str) -> None:
    with pytest.raises(RobotDescriptionError, match=r"Write by hand: servo_lag_s: 0.034"):
        with_setting(text, "servo_lag_s", 0.034)


def test_a_value_that_no_robot_has_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "emo.yaml"
    path.write_text(YAML)
    with pytest.raises(RobotDescriptionError, match=r"left as it is: .*servo_lag_s 2 is outside the Maestro's 0..1"):
        rewrite(path, lambda text: with_setting(text, "servo_lag_s", 2.0))
    assert path.read_text() == YAML
