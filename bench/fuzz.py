"""Random and damaged bytes for every parser at both ends of the wire: nothing raises, nothing hangs, no wrong position is believed."""

import os
import pty
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from robot import Bench

from lipsync_robot.motors import buses, maestro_protocol
from lipsync_robot.motors.bus import Bus, BusError
from lipsync_robot.motors.description import BUSES, Robot
from lipsync_robot.twin.controller import powered
from lipsync_robot.twin.device import Device

STRINGS = 1_000_000  # to each parser
LONGEST = 60  # bytes of a random string
SLOW_S = 1.0  # a parser that takes so long for one string hangs
RANDOM = 0.3  # share of strings that are no damaged frame


def run(bus: str) -> dict[str, Any]:
    bench = Bench(bus)
    try:
        spoken = Spoken(bench.robot)
        if bus == "maestro":
            figures = {"device": _device(bench.robot, spoken.host), "host, positions": _maestro_positions(bench.robot)}
        else:
            figures = {"device": _device(bench.robot, spoken.host)}
        figures["host, answers"] = _host(bench.robot, spoken)
    finally:
        bench.close()
    broken = any(figure[key] for figure in figures.values() for key in ("raised", "slow", "wrong positions"))
    return {**figures, "broken": broken}
