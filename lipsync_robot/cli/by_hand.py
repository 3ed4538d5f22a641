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

Action = Callable[[str, Bus], str]  # a key, the open bus -> what it has to say; RobotDescriptionError says it too


def by_hand(robot: Robot, port: str, hand: Jog, line: Callable[[], str], keys: str, actions: Mapping[str, Action]) -> None:
    """Moves the one motor of a robot until the person is done, and leaves it limp.

    line: what there is to see of it now; keys: what they do, in words; actions: for the keys that are not the hand's.
    Raises BusError, and BadInputError where there is no terminal.
    """
    console = Console(stderr=True, highlight=False)
    with Keyboard() as keyboard, closing(open_bus(robot, port)) as bus, Live(console=console, auto_refresh=False) as live:
        place = float(bus.read()[0])
        hand.starts_from(place, time.monotonic())
        hand.torque = bool(np.isfinite(place))
        if not hand.torque:
            console.print(" the motor is off: the first key switches it on, and it may jump")
        held = False
        health: Health | None = None
        told: list[str] = []
        try:
            for tick in count():
                for key in keyboard.pressed(PERIOD_S):
                    if not held:  # it may have been moved by hand
                        hand.starts_from(float(bus.read()[0]), time.monotonic())
                    if key in actions:
                        console.print(escape(f" {_said(actions[key], key, bus)}"))
                    else:
                        hand.press(key)
                health = bus.answer() or health
                if hand.torque != held:
                    held = hand.torque
                    bus.torque(held)
                if held:
                    bus.write(hand.output(time.monotonic()))
                if hand.done:
                    time.sleep(TRAIL_S)
                    return
                if health and list(health.faults) != told:
                    told = list(health.faults)
                    console.print(escape("\n".join(f" fault: {fault}" for fault in told) or " no faults any more"))
                if tick % TICKS_A_LOOK == 0:
                    bus.ask()
                    with suppress(OSError):  # the terminal has gone: the motor must still go home
                        live.update(Text(f" {line()}{_felt(health)}{'' if held else '  torque off'}\n {keys}"), refresh=True)
        finally:
            with suppress(BusError):
                bus.torque(False)


def _said(action: Action, key: str, bus: Bus) -> str:
    try:
        return action(key, bus)
    except RobotDescriptionError as error:
        return str(error)


def _felt(health: Health | None) -> str:
    load, temperature = (float(health.load[0]), float(health.temperature[0])) if health else (np.nan, np.nan)
    return (f"  load {load:+.0%}" if np.isfinite(load) else "") + (
        f"  {temperature:.0f} °C" if np.isfinite(temperature) else ""
    )
