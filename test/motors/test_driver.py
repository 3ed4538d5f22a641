"""The driver over a bus that does as it is told, or does not: what may reach the wire, and how it comes back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipsync_robot.motors.bus import BusError, Health, WhenSilent
from lipsync_robot.motors.description import Robot
from lipsync_robot.motors.driver import ARRIVAL_S, ASK_EVERY_S, FRESH_S, LAST_RETRY_S, PATIENCE, REPEAT_S, Driver
from lipsync_robot.motors.guard import EASE_S, HOLD_S, LONGEST_STEP_S
from lipsync_robot.motors.schedule import Pose

TICK_S = 0.01


class Servos:
    """Servos on a bus that can be unplugged, mute, or complain; they stand in for hardware that no test has."""

    def __init__(self, robot: Robot) -> None:
        self.stand = robot.targets(robot.neutral)
        self.robot = robot
        self.wire: list[np.ndarray] = []  # positions
        self.stiff = self.plugged = True
        self.lost = self.mute = self.ill = self.rebooted = False
        self.complaints: list[str] = []
        self.opened = self.asked = self.late = self.waited = 0
        self.when_silent: WhenSilent = "home"

    def open(self) -> "Servos":
        self._there()
        self.opened += 1
        return self

    def read(self) -> np.ndarray:
        self._there()
        return np.full(len(self.stand), np.nan) if self.lost else self.stand.copy()

    def write(self, targets: np.ndarray) -> None:
        self._there()
        self.stand = np.array(targets)
        self.wire.append(self.robot.positions(self.stand))

    def torque(self, on: bool) -> None:
        self._there()
        self.stiff = on

    def reboot(self) -> bool:
        self.rebooted = self.ill
        return self.ill

    def ask(self) -> None:
        self._there()
        self.asked += 1

    def unreadable(self) -> np.ndarray:
        raise BusError("it does not answer")

    def answer(self) -> Health | None:
        self._there()
        self.waited += 1
        if self.waited <= self.late:
            return None
        self.waited = 0
        unknown = np.full(len(self.stand), np.nan)
        return None if self.mute else Health(self.complaints, unknown, unknown, unknown)

    def close(self) -> None: ...

    def _there(self) -> None:
        if not self.plugged:
            raise BusError("it is gone")


@pytest.fixture
def servos(robot: Robot) -> Servos:
    return Servos(robot)


@pytest.fixture
def driver(robot: Robot, servos: Servos) -> Driver:
    started = Driver(robot, servos.open, now=0.0)
    started.start()
    return started


def run(driver: Driver, begin: float, end: float, asked: np.ndarray | None = None) -> None:
    for now in np.arange(begin, end - 1e-9, TICK_S):
        if asked is not None:
            driver.command(Pose(now, now + 0.25, now, asked), now)
        driver.tick(now)


OPEN = np.full(11, 0.9)
ANY_POSE = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=10, max_size=12).map(np.array)
ORDERS = ["start", "stop", "end", "go_home", "reboot", "torque off", "torque on", "emergency stop", "reset"]
FAULTS = ["unplug", "plug", "mute", "talk"]
ACTS = st.one_of(
    st.tuples(st.just("command"), ANY_POSE, st.floats(-1, 1)),
    st.tuples(st.sampled_from(ORDERS + FAULTS)),
)


@settings(max_examples=200)
@given(steps=st.lists(st.tuples(ACTS, st.one_of(st.floats(0, 3), st.just(TICK_S))), max_size=60), lost=st.booleans())
def test_nothing_beyond_the_limits_reaches_the_wire_whatever_happens(robot: Robot, steps: list, lost: bool) -> None:
    servos = Servos(robot)
    driver, now = Driver(robot, servos.open, now=0.0), 0.0
    for (act, *how), elapsed in steps:
        if act == "command":
            positions, ahead = how
            driver.command(Pose(now + ahead, now + ahead + 0.25, now, positions), now)
        elif act in ("torque off", "torque on"):
            driver.torque(act == "torque on")
        elif act == "emergency stop":
            driver.guard.emergency_stop()
        elif act == "reset":
            driver.guard.reset(now)
        elif act in ("plug", "unplug"):
            servos.plugged = act == "plug"
        elif act in ("mute", "talk"):
            servos.mute = act == "mute"
        else:
            getattr(driver, act)()
        now += elapsed
        servos.lost = not servos.stiff and lost  # a hobby servo that is off does not know where it is
        before, count = robot.positions(servos.stand), len(servos.wire)
        driver.tick(now)
        for sent in servos.wire[count:]:
            assert np.isfinite(sent).all()
            assert ((sent >= -1e-9) & (sent <= 1 + 1e-9)).all()
            assert (np.abs(sent - before) <= robot.max_speed * min(elapsed, LONGEST_STEP_S) + 1e-9).all()


def test_nothing_moves_before_it_is_started(robot: Robot, servos: Servos) -> None:
    driver = Driver(robot, servos.open, now=0.0)
    assert not driver.command(Pose(0.0, 9.0, 0.0, OPEN), now=0.0)
    run(driver, 0.0, 0.5)
    assert driver.connected
    assert not servos.wire
    assert servos.stiff  # as it was found


def test_a_command_is_on_the_wire_at_its_moment_and_not_after_it_has_expired(
    driver: Driver, servos: Servos, robot: Robot
) -> None:
    assert driver.command(Pose(0.5, 0.6, 0.0, robot.neutral + 0.01), now=0.0)
    assert not driver.command(Pose(0.1, 0.2, 0.0, OPEN), now=0.3)
    assert not driver.command(Pose(1e9, 1e9, 0.0, OPEN), now=0.3)
    assert not driver.command(Pose(np.nan, 1e9, 0.0, OPEN), now=0.3)
    run(driver, 0.3, 0.5)
    assert np.allclose(servos.wire, robot.neutral)
    run(driver, 0.5, 0.6)
    assert np.allclose(servos.wire[-1], robot.neutral + 0.01)


def test_motion_starts_from_where_the_servos_are_found(robot: Robot, servos: Servos) -> None:
    servos.stand = robot.targets(OPEN)
    driver = Driver(robot, servos.open, now=0.0)
    driver.start()
    driver.tick(0.0)
    assert np.allclose(servos.wire[0], OPEN)


def test_a_servo_that_does_not_know_where_it_is_starts_from_neutral(robot: Robot, servos: Servos, driver: Driver) -> None:
    servos.stand = np.full(11, np.nan)
    driver.tick(0.0)
    assert np.allclose(servos.wire[0], robot.neutral)


def test_a_device_that_comes_back_is_found_within_a_second(driver: Driver, servos: Servos) -> None:
    run(driver, 0.0, 1.0, OPEN)
    servos.plugged = False
    run(driver, 1.0, 5.0, OPEN)
    assert driver.faults(5.0) == ["it is gone"]
    servos.plugged = True
    count = len(servos.wire)
    run(driver, 5.0, 5.0 + LAST_RETRY_S + TICK_S, OPEN)
    assert len(servos.wire) > count
    assert driver.faults(5.5) == []
    assert driver.counts["connections"] == 2


def test_a_device_that_is_not_there_is_not_tried_at_every_tick(robot: Robot) -> None:
    tried = []

    def nowhere() -> Servos:
        tried.append(1)
        raise BusError("no such port")

    run(Driver(robot, nowhere, now=0.0), 0.0, 10.0)
    assert 10 < len(tried) <= 10.0 / LAST_RETRY_S + 2  # the first pauses are shorter


def test_one_lost_answer_ends_nothing_but_a_mute_bus_is_opened_anew(driver: Driver, servos: Servos) -> None:
    run(driver, 0.0, 1.0, OPEN)
    servos.mute = True
    run(driver, 1.0, 1.0 + (PATIENCE - 1) * ASK_EVERY_S, OPEN)
    servos.mute = False
    run(driver, 1.5, 3.0, OPEN)
    assert driver.counts["connections"] == 1
    assert 0 < driver.counts["unanswered"] < PATIENCE
    servos.mute = True
    run(driver, 3.0, 3.0 + (PATIENCE + 2) * ASK_EVERY_S, OPEN)
    assert "stopped answering" in driver.fault or driver.counts["connections"] == 2


def test_a_complaint_is_passed_on_while_it_is_fresh_and_counted(driver: Driver, servos: Servos) -> None:
    servos.complaints = ["jaw: too hot"]
    run(driver, 0.0, 0.3)
    servos.complaints = []
    run(driver, 0.3, 1.0)
    assert driver.faults(1.0) == ["jaw: too hot"]
    assert driver.counts["jaw: too hot"] >= 1
    assert driver.faults(1.0 + FRESH_S) == []


def test_servos_go_limp_when_told_and_stiffen_where_they_are_found(driver: Driver, servos: Servos, robot: Robot) -> None:
    run(driver, 0.0, 1.0, OPEN)
    driver.torque(False)
    run(driver, 1.0, 1.1, OPEN)
    count = len(servos.wire)
    run(driver, 1.1, 1.5, OPEN)
    assert (servos.stiff, len(servos.wire), driver.at_rest(1.5)) == (False, count, True)  # limp, it will not come home
    servos.stand = robot.targets(np.full(11, 0.5))  # moved by hand
    driver.torque(True)
    driver.tick(1.5)
    assert servos.stiff
    assert np.allclose(servos.wire[-1], 0.5)


def test_a_face_that_rests_goes_limp_is_kept_company_and_wakes(driver: Driver, servos: Servos, robot: Robot) -> None:
    run(driver, 0.0, robot.idle_off_s + 1.0)
    assert not servos.stiff
    asked, count = servos.asked, len(servos.wire)
    run(driver, robot.idle_off_s + 1.0, robot.idle_off_s + 3.0)
    assert len(servos.wire) == count
    assert servos.asked > asked  # or the device would take the host for dead
    run(driver, robot.idle_off_s + 3.0, robot.idle_off_s + 3.5, OPEN)
    assert servos.stiff
    assert np.allclose(servos.wire[-1], OPEN)


def test_ended_it_goes_home_and_takes_no_further_command_until_it_is_started_again(
    driver: Driver, servos: Servos, robot: Robot
) -> None:
    run(driver, 0.0, 1.0, OPEN)
    driver.end()
    run(driver, 1.0, 1.0 + driver.longest_way_home_s, OPEN)
    assert driver.at_neutral
    assert np.allclose(servos.wire[-1], robot.neutral)
    driver.start()
    run(driver, 5.0, 6.0, OPEN)
    assert np.allclose(servos.wire[-1], OPEN)


def test_it_rests_once_the_servos_have_had_the_time_to_follow_it_to_neutral(driver: Driver, robot: Robot) -> None:
    assert driver.at_rest(0.0)  # it has moved nothing
    run(driver, 0.0, 1.0, OPEN)
    driver.end()
    now = 1.0
    while not driver.at_neutral:
        assert not driver.at_rest(now)
        driver.tick(now := now + TICK_S)
    assert not driver.at_rest(now + ARRIVAL_S / 2)
    assert driver.at_rest(now + ARRIVAL_S)
    assert now + ARRIVAL_S < 1.0 + driver.longest_way_home_s


def test_going_home_voids_what_is_pending_and_what_is_new_moves_again(driver: Driver, servos: Servos, robot: Robot) -> None:
    run(driver, 0.0, 1.0, OPEN)
    driver.command(Pose(1.5, 1.75, 1.5, OPEN), now=1.0)
    driver.go_home()
    run(driver, 1.0, 2.0)
    assert np.allclose(servos.wire[-1], robot.neutral)
    run(driver, 2.0, 2.5, OPEN)
    assert np.allclose(servos.wire[-1], OPEN)


@pytest.mark.parametrize(("ill", "opened"), [(True, 2), (False, 1)])
def test_a_reboot_opens_the_bus_anew_if_there_was_anything_to_reboot(
    driver: Driver, servos: Servos, ill: bool, opened: int
) -> None:
    run(driver, 0.0, 1.0, OPEN)
    servos.ill = ill
    driver.reboot()
    run(driver, 1.0, 2.0, OPEN)
    assert (servos.rebooted, servos.opened) == (ill, opened)


@pytest.mark.parametrize(("when_silent", "stiff"), [("home", True), ("stop", False), ("nothing", False)])
def test_left_the_servos_are_limp_unless_the_device_would_stiffen_them_again(
    driver: Driver, servos: Servos, when_silent: WhenSilent, stiff: bool
) -> None:
    servos.when_silent = when_silent
    run(driver, 0.0, 1.0, OPEN)
    driver.leave()
    assert servos.stiff == stiff
    assert not driver.connected


def test_a_bus_that_is_gone_can_be_left(driver: Driver, servos: Servos) -> None:
    servos.when_silent = "stop"
    run(driver, 0.0, 1.0, OPEN)
    servos.plugged = False
    driver.leave()
    assert not driver.connected


def test_what_was_made_limp_while_it_was_unplugged_is_limp_when_it_comes_back(driver: Driver, servos: Servos) -> None:
    run(driver, 0.0, 1.0, OPEN)
    servos.plugged = False
    run(driver, 1.0, 1.1)
    driver.torque(False)
    servos.plugged = True
    run(driver, 1.1, 2.0, OPEN)
    assert not servos.stiff


def test_torque_that_comes_back_by_itself_is_taken_off_again(driver: Driver, servos: Servos) -> None:
    run(driver, 0.0, 1.0, OPEN)
    driver.torque(False)
    run(driver, 1.0, 1.1, OPEN)
    servos.stiff = True  # noise on the line sent the servos home
    run(driver, 1.1, 1.3, OPEN)
    assert not servos.stiff


def test_torque_is_not_brought_back_by_starting_anew(driver: Driver, servos: Servos) -> None:
    run(driver, 0.0, 1.0, OPEN)
    driver.torque(False)
    driver.stop()
    driver.start()
    run(driver, 1.0, 2.0, OPEN)
    assert not servos.stiff


@pytest.mark.parametrize("lost", [False, True])
def test_an_emergency_stop_leaves_a_limp_face_limp(driver: Driver, servos: Servos, robot: Robot, lost: bool) -> None:
    run(driver, 0.0, rested := robot.idle_off_s + 1.0)
    servos.stand, servos.lost, count = robot.targets(OPEN), lost, len(servos.wire)  # a hand has moved it meanwhile
    driver.guard.emergency_stop()
    driver.guard.emergency_stop()
    run(driver, rested, rested + 1.0)
    assert (servos.stiff, len(servos.wire)) == (False, count)
    driver.guard.reset(rested + 1.0)
    run(driver, rested + 1.0, rested + 2.0)
    assert servos.stiff


def test_in_an_emergency_stop_torque_comes_back_where_the_face_was_frozen(driver: Driver, servos: Servos) -> None:
    run(driver, 0.0, 1.0, OPEN)
    driver.guard.emergency_stop()
    driver.torque(False)
    run(driver, 1.0, 1.1)
    servos.lost = True
    driver.torque(True)
    run(driver, 1.1, 1.5)
    assert np.allclose(servos.wire[-1], OPEN)


def test_a_pose_with_a_long_lifetime_does_not_keep_the_face_from_home(driver: Driver, servos: Servos, robot: Robot) -> None:
    driver.command(Pose(0.0, 3600.0, 0.0, OPEN), now=0.0)
    run(driver, 0.0, 2.0)
    assert np.allclose(servos.wire[-1], robot.neutral)


def test_a_bus_that_opens_and_fails_again_is_not_opened_at_every_tick(robot: Robot, servos: Servos) -> None:
    driver = Driver(robot, servos.open, now=0.0)
    driver.start()
    servos.read = servos.unreadable  # type: ignore[method-assign]
    run(driver, 0.0, 10.0)
    assert 10 < servos.opened <= 10.0 / LAST_RETRY_S + 2


def test_an_answer_may_come_late(driver: Driver, servos: Servos) -> None:
    servos.late = 4  # ticks
    run(driver, 0.0, 3.0, OPEN)
    assert driver.counts["unanswered"] == 0
    assert driver.health is not None


def test_a_face_that_keeps_still_is_repeated_seldom_and_one_that_will_move_is_not(driver: Driver, robot: Robot) -> None:
    def pauses(begin: float, end: float) -> list[float]:
        found = []
        for now in np.arange(begin, end - 1e-9, TICK_S):
            driver.tick(now)
            found.append(driver.pause(now, 0.002, TICK_S))
        return found

    assert driver.pause(0.0, 0.002, TICK_S) == TICK_S  # nobody is there yet
    assert set(pauses(0.0, 0.1)) == {REPEAT_S}
    driver.command(Pose(0.2, 0.3, 0.2, OPEN), now=0.1)
    assert REPEAT_S not in pauses(0.1, 0.2)  # a pose lies ahead
    arrives = 0.2 + np.abs(OPEN - robot.neutral).max() / robot.max_speed.min()
    assert REPEAT_S not in pauses(0.2, 0.25)
    assert REPEAT_S in pauses(0.25, arrives + TICK_S)
    assert set(pauses(arrives + TICK_S, 0.19 + HOLD_S)) == {REPEAT_S}
    assert REPEAT_S not in pauses(0.21 + HOLD_S, 0.2 + HOLD_S + EASE_S)
    assert set(pauses(0.21 + HOLD_S + EASE_S, 1.2)) == {REPEAT_S}  # at home
