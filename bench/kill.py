"""kill -9 of every process in turn, in mid-speech: how soon are the servos at neutral?

A Dynamixel without its driver stops where it is, by its Bus Watchdog: nothing in it knows the way home. How soon it stands
is reported apart.
"""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from robot import CHAIN, PATIENCE_S, Bench

TIMES = 20
MOTION = ("audio_file", "audio2landmark", "retarget", "inverse_model", "motor_driver")  # what the flow of motion hangs on
ALLOWED_S = 1.0
AT_NEUTRAL = 0.01  # of the range
STILL = 0.002  # of the range, between two looks
SETTLED_S = 0.4  # at neutral, or still, for so long, or it was only passing


def run(bus: str) -> dict[str, Any]:
    took: dict[str, list[float]] = {}
    bench = Bench(bus)
    try:
        for name in CHAIN:
            bench.start(name)
        for victim in (*MOTION, "speaker", "controller"):
            took[victim] = [_killed(bench, victim) for _ in range(TIMES)]
    finally:
        bench.close()
    if bus == "maestro":
        took["twin"] = [_twin_killed() for _ in range(TIMES)]
    stopped = took.pop("motor_driver") if bus == "dynamixel" else []
    everything = np.concatenate([np.array(times) for times in took.values()])
    told = {"controller": "controller (its power comes back)", "speaker": "speaker (others are ended, as by a launch file)"}
    worst = {told.get(name, name): _times(times) for name, times in took.items()}
    if stopped:
        worst["motor_driver (its servos stop where they are)"] = _times(stopped)
    late = int((everything > ALLOWED_S).sum())
    return {"kills": len(everything) + len(stopped), **worst, f"not home within {ALLOWED_S:g} s": late, "broken": late > 0}


def _killed(bench: Bench, victim: str) -> float:
    """-> seconds from its death to servos that are at neutral and stay there."""
    bench.wait_until_moving()
    began = time.monotonic()
    if victim == "controller":
        os.kill(bench.controller.pid, signal.SIGKILL)
        bench.controller.close()
        bench.power()  # without it servos have no current; now they have it again, start at neutral, and go on
        return time.monotonic() - began
    bench.processes[victim].kill()
    if victim == "speaker":  # nothing of the motion hangs on it: what brings the face home is that the launch file ends all
        bench.interrupt()
    stays = victim == "motor_driver" and bench.robot.bus == "dynamixel"
    home = _still(lambda: bench.open_by, began) if stays else _home(lambda: bench.open_by, began)
    if victim == "speaker":
        bench.end()
    for name in CHAIN if victim == "speaker" else [victim] if victim in CHAIN else []:
        bench.start(name)
    return home


def _twin_killed() -> float:
    """The twin owns its controller, which must bring the servos home without it."""
    bench = Bench(twin=True)
    try:
        for name in ("twin", *CHAIN):
            bench.start(name)
        bench.wait_until_moving()
        began = time.monotonic()
        bench.processes["twin"].kill()
        return _home(lambda: bench.open_by, began)
    finally:
        bench.close()


def _home(open_by: Callable[[], float], began: float) -> float:
    """-> seconds until the servos are at neutral for good, or until they were first looked at, if they were there by then.

    Those that go limp stay where they last stood.
    """
    home, stands = time.monotonic(), np.inf
    while time.monotonic() < min(home + SETTLED_S, began + PATIENCE_S):
        now = open_by()
        stands = stands if np.isnan(now) else now
        if not stands < AT_NEUTRAL:
            home = time.monotonic()
        time.sleep(0.002)
    return home - began


def _still(open_by: Callable[[], float], began: float) -> float:
    """-> seconds until the servos moved for the last time."""
    moved, last = began, open_by()
    while time.monotonic() < min(moved + SETTLED_S, began + PATIENCE_S):
        time.sleep(0.002)
        if abs(open_by() - last) > STILL:
            moved, last = time.monotonic(), open_by()
    return moved - began


def _times(seconds: list[float]) -> str:
    return f"median {1000 * np.median(seconds):.0f} ms, worst {1000 * max(seconds):.0f} ms"
