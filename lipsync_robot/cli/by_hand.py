"""A motor served from the keyboard: keys in, targets on the wire at 50 Hz, one live line of what it does."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from itertools import count

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from ..motors.bus import Bus, BusError, Health
from ..motors.buses import open_bus
from ..motors.description import Robot, RobotDescriptionError
from ..motors.jog import Jog
from .keyboard import Keyboard

PERIOD_S = 0.02  # between two targets on the wire
TRAIL_S = 0.2  # the servo itself is still on its way when its target is home
TICKS_A_LOOK = 5  # health is asked, and the line drawn anew, every so many periods

Action = Callable[[str, float], str]  # key, place in bus units (NaN: unknown) -> its line; RobotDescriptionError is one too


def by_hand(robot: Robot, port: str, hand: Jog, lines: Callable[[], list[str]], actions: Mapping[str, Action]) -> None:
    """Moves the one motor of a robot until the person is done, and leaves it limp; a Maestro may then send it home.

    lines: what there is to see now, its place first; actions: for the keys that are not the hand's.
    Raises BusError, and BadInputError where there is no terminal.
    """
    console = Console(stderr=True, highlight=False)
    with Keyboard() as keyboard, closing(open_bus(robot, port)) as bus, Live(console=console, auto_refresh=False) as live:
        session = _Session(bus, hand, console)
        try:
            session.begin()
            for tick in count():
                for key in keyboard.pressed(PERIOD_S):
                    session.press(key, actions)
                session.listen()
                session.move()
                if hand.done:
                    time.sleep(TRAIL_S)
                    return
                if tick % TICKS_A_LOOK == 0:
                    bus.ask()
                    with suppress(OSError):  # the terminal has gone: the motor must still go home
                        live.update(session.seen(lines()), refresh=True)
        finally:
            with suppress(BusError):
                bus.torque(False)


class _Session:
    """What is known of the motor under the keys, and of the bus it hangs on."""

    def __init__(self, bus: Bus, hand: Jog, console: Console) -> None:
        self._bus, self._hand, self._console = bus, hand, console
        self._held = False  # whether its torque is on
        self._health: Health | None = None
        self._told: list[str] = []  # the faults

    def begin(self) -> None:
        """Holds the motor where it is found, or leaves it limp where that is not known."""
        place = self._place()
        self._hand.starts_from(place, time.monotonic())
        self._held = self._hand.torque = bool(np.isfinite(place))
        self._bus.torque(self._held)
        if not self._held:
            self._console.print(" the motor is off: the first key switches it on, and it may jump")

    def press(self, key: str, actions: Mapping[str, Action]) -> None:
        if not self._held:
            self._hand.starts_from(self._place(), time.monotonic())
        if key in actions:
            self._console.print(escape(f" {_said(actions[key], key, self._place())}"))
        else:
            self._hand.press(key)

    def listen(self) -> None:
        """Takes what has been answered; tells of faults once. A limp motor is followed where a hand moves it to."""
        answer = self._bus.answer()
        if answer is None:
            return
        self._health = answer
        if not self._held:
            self._hand.starts_from(float(answer.positions[0]), time.monotonic())
        if list(answer.faults) != self._told:
            self._told = list(answer.faults)
            self._console.print(escape("\n".join(f" fault: {fault}" for fault in self._told) or " no faults any more"))

    def move(self) -> None:
        if self._hand.torque != self._held:
            self._held = self._hand.torque
            self._bus.torque(self._held)
        if self._held:
            self._bus.write(self._hand.output(time.monotonic()))

    def seen(self, lines: list[str]) -> Text:
        """The live lines, with what is felt of the motor in the first."""
        first = lines[0] + _felt(self._health) + ("" if self._held else "  torque off")
        return Text("\n".join(f" {line}" for line in (first, *lines[1:])), no_wrap=True)

    def _place(self) -> float:
        """Where the motor is, bus units."""
        return float(self._bus.read()[0])


def _said(action: Action, key: str, place: float) -> str:
    try:
        return action(key, place)
    except RobotDescriptionError as error:
        return str(error)


def _felt(health: Health | None) -> str:
    load, temperature = (float(health.load[0]), float(health.temperature[0])) if health else (np.nan, np.nan)
    return (f"  load {load:+.0%}" if np.isfinite(load) else "") + (
        f"  {temperature:.0f} °C" if np.isfinite(temperature) else ""
    )
