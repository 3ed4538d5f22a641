"""One motor under a person's keys: how it moves, how it ends, and what its marks change in the YAML."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipsync_robot.motors import description, limits
from lipsync_robot.motors.description import Robot, RobotDescriptionError
from lipsync_robot.motors.guard import LONGEST_STEP_S
from lipsync_robot.motors.jog import LEAD_S, Jog, alone
from lipsync_robot.motors.limits import LimitFinder, Marks, rewritten, widened

TICK_S = 0.02
KEYS = ["left", "right", "up", "down", "page_up", "page_down", "n", "space", "q", "1", "x"]

YAML = """\
# A face of two motors.
name:   pair
bus: maestro
baud: 115200
motors:
  - {name: lid,   group: upper, channel: 0,  min_us: 1000.0, max_us: 2000, neutral: 0.50, max_speed: 6.0}   # left alone

  - name: "jaw"        # the one that is calibrated
    group: lower
    channel: 10
    neutral:    0.25   # teeth just apart
    min_us: 2000.0     # turns the other way
    max_us:   1000.0
    max_speed: 5.0
"""


class Driven:
    """A jog with its own clock and the places it put out."""

    def __init__(self, jog: Jog, place: float = np.nan) -> None:
        self.jog, self.now, self.out = jog, 0.0, [place]
        jog.starts_from(place, 0.0)
        jog.torque = bool(np.isfinite(place))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.jog.press(key)

    def wait(self, seconds: float) -> float:
        """-> where the motor is then, in bus units."""
        for _ in range(round(seconds / TICK_S)):
            self.now += TICK_S
            if self.jog.torque:
                self.out.append(float(self.jog.output(self.now)[0]))
        return self.out[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    path.write_text(YAML)
    return path


@pytest.fixture
def jaw(path: Path) -> Robot:
    """2000 µs at position 0, 1000 µs at position 1, neutral at 1750 µs."""
    return alone(description.load(path), "jaw")


@pytest.fixture
def hand(jaw: Robot) -> Driven:
    return Driven(Jog(jaw, 0.0), place=1500.0)


def test_arrows_move_a_hundredth_or_a_twentieth_of_the_range(hand: Driven) -> None:
    hand.press("right")
    assert hand.wait(0.5) == pytest.approx(1490)
    hand.press("left", "left")
    assert hand.wait(0.5) == pytest.approx(1510)
    hand.press("up")
    assert hand.wait(0.5) == pytest.approx(1460)
    hand.press("down")
    assert hand.wait(0.5) == pytest.approx(1510)


def test_n_goes_to_neutral(hand: Driven) -> None:
    hand.press("n")
    assert hand.wait(1) == pytest.approx(1750)


def test_q_goes_home_and_is_done_there(hand: Driven) -> None:
    hand.press("q", "right")  # which no longer counts
    assert not hand.jog.done
    assert hand.wait(1) == pytest.approx(1750, abs=1)
    assert hand.jog.done


@pytest.mark.parametrize("impatient", ["q", "space"])
def test_the_way_home_can_be_cut_short(hand: Driven, impatient: str) -> None:
    hand.press("q", impatient)
    assert not hand.jog.torque
    assert hand.jog.done


def test_space_lets_go_and_a_key_goes_on_from_where_the_motor_is_found(hand: Driven) -> None:
    hand.press("right", "space")
    assert not hand.jog.torque
    hand.jog.starts_from(1100.0, hand.now)  # moved by hand
    hand.press("right")
    assert hand.jog.torque
    assert hand.wait(0.5) == pytest.approx(1090)


def test_a_motor_that_does_not_know_where_it_is_stays_off_until_a_key(jaw: Robot) -> None:
    hand = Driven(Jog(jaw, 0.0))
    hand.wait(1)
    assert not hand.jog.torque
    hand.press("n")
    assert hand.wait(0.1) == pytest.approx(1750)


@given(presses=st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 40)), max_size=60))
def test_no_keys_move_it_out_of_its_range_or_too_fast(robot: Robot, presses: list[tuple[str, int]]) -> None:
    one = alone(robot, "jaw")
    hand = Driven(Jog(one, 0.0), place=1500.0)
    for key, ticks in presses:
        hand.press(key)
        hand.wait(ticks * TICK_S)
    out = np.array(hand.out)
    assert ((out >= 1000) & (out <= 2000)).all()
    assert (np.abs(np.diff(out)) <= one.max_speed[0] * 1000 * LONGEST_STEP_S + 1e-6).all()


def test_a_key_that_is_let_go_of_stops_the_motor_soon(jaw: Robot) -> None:
    slow = replace(jaw, motors=[replace(jaw.motors[0], max_speed=0.2)])
    hand = Driven(Jog(slow, 0.0), place=1900.0)
    for _ in range(30):  # a key that is held down
        hand.press("up")
        hand.wait(TICK_S)
    let_go = hand.out[-1]
    assert abs(hand.wait(5) - let_go) <= max(50, 0.2 * LEAD_S * 1000) + 1e-6


def test_an_unknown_motor_is_named_with_the_likeliest_one(robot: Robot) -> None:
    with pytest.raises(RobotDescriptionError, match=r"twin has no motor 'jaww'. Did you mean 'jaw'"):
        alone(robot, "jaww")


def test_a_widened_motor_goes_slowly_over_all_that_the_bus_can_do(jaw: Robot) -> None:
    wide = widened(jaw)
    assert wide.motors[0].ends == (500, 2500)
    assert wide.targets(wide.neutral) == pytest.approx([1750])
    assert wide.max_speed[0] * 2000 == pytest.approx(0.2 * jaw.max_speed[0] * 1000)


def test_limits_are_looked_for_beyond_the_described_range_in_steps_of_the_bus(jaw: Robot) -> None:
    hand = Driven(LimitFinder(jaw, 0.0), place=2000.0)
    hand.press("right")
    assert hand.wait(1) == pytest.approx(2005)
    hand.press("up")
    assert hand.wait(1) == pytest.approx(2030)
    hand.press("down", "left")
    assert hand.wait(1) == pytest.approx(2000)


def test_ticks_have_steps_of_their_own(jaw: Robot) -> None:
    motor = replace(jaw.motors[0], min_us=None, max_us=None, min_ticks=1000.0, max_ticks=2000.0)
    hand = Driven(LimitFinder(replace(jaw, bus="dynamixel", motors=[motor]), 0.0), place=2000.0)
    hand.press("right")
    assert hand.wait(1) == pytest.approx(2004)
    hand.press("up")
    assert hand.wait(1) == pytest.approx(2024)


def test_marks_are_where_the_motor_is_found_and_neutral_keeps_its_place(jaw: Robot) -> None:
    finder = LimitFinder(jaw, 0.0)
    finder.mark("1", 2100.25)
    finder.mark("2", 1100.0)
    assert finder.marks == Marks(2100, 1100, 1750)
    assert finder.marks.neutral_position == pytest.approx(0.35)
    finder.mark("1", 1600.0)
    assert finder.marks.neutral_position == 0  # held within the new range
    finder.mark("n", 1200.0)
    assert finder.marks.neutral_position == pytest.approx(0.8)
    finder.mark("2", np.nan)  # off: nobody knows where
    assert finder.marks.one == 1100


def test_it_ends_at_the_neutral_that_was_marked(jaw: Robot) -> None:
    finder = LimitFinder(jaw, 0.0)
    hand = Driven(finder, place=2000.0)
    finder.mark("n", 1900.0)
    hand.press("q")
    assert hand.wait(3) == pytest.approx(1900, abs=2)
    assert finder.done


def test_writing_changes_three_numbers_and_nothing_else(path: Path, jaw: Robot) -> None:
    limits.write(path, jaw, "jaw", Marks(2110.0, 905.0, 1750.0))
    expected = YAML.replace("neutral:    0.25 ", "neutral:    0.299 ")
    expected = expected.replace("min_us: 2000.0  ", "min_us: 2110.0  ").replace("max_us:   1000.0", "max_us:   905.0")
    assert path.read_text() == expected
    assert description.load(path).motors[1].ends == (2110, 905)
    assert list(path.parent.iterdir()) == [path]


def test_entries_in_braces_are_written_too(path: Path, jaw: Robot) -> None:
    limits.write(path, jaw, "lid", Marks(1200.0, 1800.0, 1500.0))
    assert path.read_text() == YAML.replace(
        "min_us: 1000.0, max_us: 2000, neutral: 0.50", "min_us: 1200.0, max_us: 1800.0, neutral: 0.5"
    )


def test_a_link_to_the_yaml_stays_one_and_its_rights_stay(path: Path, jaw: Robot, tmp_path: Path) -> None:
    path.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    limits.write(link, jaw, "jaw", Marks(2100.0, 900.0, 1750.0))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert description.load(path).motors[1].ends == (2100, 900)


def test_what_would_not_load_is_not_written(path: Path, jaw: Robot) -> None:
    with pytest.raises(RobotDescriptionError, match=r"left as it is: .*pair.yaml: motor 'jaw'.* could never move"):
        limits.write(path, jaw, "jaw", Marks(1500.0, 1500.0, 1500.0))
    assert path.read_text() == YAML
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "motors: [{name: a, min_us: &low 900.0, max_us: 2000.0}, {name: b, min_us: *low, max_us: 2000.0}]",
        "servo: &servo {min_us: 900.0, max_us: 2000.0}\nmotors: [{name: a, <<: *servo}, {name: b, <<: *servo}]",
    ],
)
@pytest.mark.parametrize("motor", ["a", "b"])
def test_values_that_others_share_are_left_to_a_person(text: str, motor: str) -> None:
    with pytest.raises(RobotDescriptionError, match=f"motor '{motor}'.*Write by hand: min_us: 1000.0, max_us: 1900.0"):
        rewritten(text, motor, {"min_us": 1000.0, "max_us": 1900.0})
