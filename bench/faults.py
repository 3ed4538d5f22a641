"""A clip is spoken over and over while its serial line fails in every way: what reaches the wire, how soon it is back."""

import time
from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from robot import CHAIN, Bench

from lipsync_robot.motors.guard import LONGEST_STEP_S

UNPLUGGED = 200  # times
INJECTED = 2000  # faults of the other kinds, in turn
LONGEST_S = 0.8  # of a fault that lasts until it is cleared: some outlast the driver's patience
PATIENCE_S = 20.0
LASTING = ("drop 0.05", "corrupt 0.05", "delay 0.05", "baud", "unplug")
PASSING = {  # of a Dynamixel's errors only a person's reboot is the end
    "maestro": ("garbage 40", "brown-out", "errors 16", "errors 8"),
    "dynamixel": ("garbage 40", "brown-out"),
}
RESOLUTION = 0.002  # of the range: what rounding to the bus's own units may add
ALLOWED_S = 1.0
WINDOW_S = 0.1


class Wire(NamedTuple):
    """Frames that the host sent, or that the device took: when, and positions (frames, motors) in 0..1."""

    when: list[float]
    positions: np.ndarray


def run(bus: str) -> dict[str, Any]:
    bench = Bench(bus)
    ended: list[tuple[str, float]] = []
    try:
        for name in CHAIN:
            bench.start(name)
        bench.wait_until_moving()
        random = np.random.default_rng(0)
        for fault in _plan(bus):
            if bench.processes["audio_file"].poll() == 0:  # it has said all it had to say
                bench.start("audio_file")
            bench.controller.inject(fault)
            if fault in LASTING:
                time.sleep(float(random.uniform(0.02, LONGEST_S)))
                bench.controller.inject("replug" if fault == "unplug" else "clear")
            ended.append((fault.split()[0], time.monotonic()))
            if not bench.takes_frames(PATIENCE_S):  # some, before the next fault comes
                raise RuntimeError("the driver does not come back")
        dead = [name for name in CHAIN if bench.processes[name].poll()]
        time.sleep(1.0)  # the log is written
    finally:
        bench.close()
    return _judged(bench, ended, dead)


def _plan(bus: str) -> list[str]:
    """All faults, the unplugging spread among the others."""
    others = [fault for fault in (*LASTING, *PASSING[bus]) if fault != "unplug"]
    plan = [others[i % len(others)] for i in range(INJECTED)]
    for i in range(UNPLUGGED):
        plan.insert(i * (INJECTED // UNPLUGGED + 1), "unplug")
    return plan


def _judged(bench: Bench, ended: list[tuple[str, float]], dead: list[str]) -> dict[str, Any]:
    sent, taken, stood = _frames(bench, "wire"), _frames(bench, "targets"), _frames(bench, "wire", of="outputs")
    took: dict[str, list[float]] = defaultdict(list)
    for kind, when in ended:
        took[kind].append(taken.when[bisect_left(taken.when, when)] - when)
    beyond = int(((sent.positions < -RESOLUTION) | (sent.positions > 1 + RESOLUTION)).any(1).sum())
    step = bench.robot.max_speed * LONGEST_STEP_S + RESOLUTION
    unmoved = np.abs(np.diff(sent.positions, axis=0)) <= step
    near = np.abs(sent.positions - _stand(stood.positions, bench.robot.neutral))[1:] <= step  # after an interruption
    limp = np.isnan(sent.positions[1:])  # a servo without torque does not follow
    goes_on = unmoved | limp
    jumps = int((~(goes_on | near)).any(1).sum())
    fast = _too_fast(sent, goes_on.all(1), bench.robot.max_speed)
    wrong = _wrong(sent, taken)
    times = np.concatenate([np.array(seconds) for seconds in took.values()])
    late = float(np.percentile(times, 99))
    kinds = {
        f"{kind}, {len(seconds)} times, back after": f"median {1000 * np.median(seconds):.0f} ms, "
        f"p99 {1000 * np.percentile(seconds, 99):.0f} ms, worst {1000 * max(seconds):.0f} ms"
        for kind, seconds in took.items()
    }
    return {
        "faults": len(ended),
        **kinds,
        "back after, all, p99 s": round(late, 3),
        "frames on the wire": len(sent.when),
        "frames beyond a limit": beyond,
        "frames beyond the slew limit": jumps,
        f"stretches of {WINDOW_S:g} s faster than the slew limit": fast,
        "damaged frames that the device took": wrong,
        "processes that died": ", ".join(dead) or 0,
        "broken": bool(beyond or jumps or fast or dead or late > ALLOWED_S),
    }


def _frames(bench: Bench, kind: str, of: str = "") -> Wire:
    events = list(bench.events(kind))
    units = np.array([event[of or kind] for event in events], float)
    return Wire([event["t"] for event in events], bench.robot.positions(units))


def _too_fast(sent: Wire, goes_on: np.ndarray, max_speed: np.ndarray) -> int:
    """How many stretches without an interruption went further than their time allows; frames are read up to 30 ms late."""
    when = np.array(sent.when)
    breaks = np.concatenate([[0], np.cumsum(~goes_on)])  # frames with the same number follow one another
    count = 0
    for i, j in enumerate(np.searchsorted(when, when + WINDOW_S)):
        if j < len(when) and breaks[i] == breaks[j]:
            far = np.abs(sent.positions[j] - sent.positions[i])
            count += bool((far > max_speed * (when[j] - when[i] + LONGEST_STEP_S) + RESOLUTION).any())
    return count


def _stand(outputs: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    """Where the servos stand, (frames, motors): those that are limp where they were driven to last."""
    stand = np.vstack([neutral, outputs])
    for before, now in pairwise(stand):
        now[:] = np.where(np.isnan(now), before, now)
    return stand[1:]


def _wrong(sent: Wire, taken: Wire) -> int:
    """How many frames the device took, for servos that follow, that were not sent in the second before."""
    count = 0
    for when, positions in zip(taken.when, taken.positions, strict=True):
        if np.isnan(positions).any():
            continue
        since, until = bisect_left(sent.when, when - 1.0), bisect_left(sent.when, when + 1e-6)
        count += not np.isclose(sent.positions[since : until + 1], positions, atol=1e-6, equal_nan=True).all(1).any()
    return count
