"""What processes hold of the machine, from /proc every few seconds, and how fast that grows."""

import os
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

MOST_MB_HOUR = 1.0
GROWN = 2  # handles or threads: one or two may have been opened for good, and late
WARM_UP_S = 600.0
MB, HANDLES, THREADS, CPU_S = range(4)
PAGE_MB = os.sysconf("SC_PAGESIZE") / 2**20
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
DRAWS = 1000
LONGEST_BLOCK, BLOCKS = 30, 8  # samples in a row that may hang together, and how many such there should be


class Slope(NamedTuple):
    """An hour; NaN where too little is known."""

    best: float
    low: float  # of the interval that holds it 95 times of 100
    high: float


UNKNOWN = Slope(np.nan, np.nan, np.nan)


class Holdings:
    """Of one process: resident memory, open files, threads and processor time. 32 bytes a sample: 100 MB in a year."""

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._samples = array("d")

    def look(self) -> None:
        """Raises OSError where the process is gone."""
        words = (self._proc / "stat").read_text().rpartition(")")[2].split()  # from the third field on, as proc(5) counts
        handles = len(os.listdir(self._proc / "fd"))
        user, system, threads, pages = (int(words[field - 3]) for field in (14, 15, 20, 24))
        self._samples.extend((pages * PAGE_MB, handles, threads, (user + system) * TICK_S))

    @property
    def mb(self) -> float:
        """The last that was seen."""
        return self._samples[-4 + MB]

    @property
    def samples(self) -> np.ndarray:
        """(n, 4): MB, HANDLES, THREADS, CPU_S."""
        return np.array(self._samples).reshape(-1, 4)


def slope(hours: np.ndarray, values: np.ndarray) -> Slope:
    """values (n,) at hours (n,), a little apart, n at least 1 -> by how much they rise, by least squares.

    Memory does not scatter about a line: it goes in steps, which stay. The interval is what chance makes of such steps: those
    between samples, less their mean, are drawn in blocks and added up again. One step in a short run proves no leak.
    """
    steps = np.diff(values)
    block = min(LONGEST_BLOCK, len(steps) // BLOCKS)
    if not block:
        return UNKNOWN
    away = hours - hours.mean()
    weights = away / (away @ away)
    rise, steps = float(weights @ values), steps - steps.mean()
    random, chance = np.random.default_rng(0), np.empty(DRAWS)
    for i in range(DRAWS):
        firsts = random.integers(0, len(steps) - block + 1, len(steps) // block + 1)
        drawn = steps[firsts[:, None] + np.arange(block)].ravel()[: len(steps)]
        chance[i] = weights[1:] @ np.cumsum(drawn)
    low, high = rise - np.percentile(chance, [97.5, 2.5])
    return Slope(rise, float(low), float(high))


def drift(values: np.ndarray) -> tuple[float, float]:
    """values (n,), each of a stretch of its own -> by how much they rise from the first to the last, and its standard error."""
    if len(values) < 3:
        return np.nan, np.nan
    along = np.linspace(-0.5, 0.5, len(values))
    rise = float(along @ values / (along @ along))
    left = values - values.mean() - rise * along
    return rise, float(np.sqrt(left @ left / (len(values) - 2) / (along @ along)))


def told(hours: np.ndarray, held: dict[str, np.ndarray]) -> tuple[dict[str, Any], list[str]]:
    """hours (n,) of the looks, held: samples (n, 4) by process -> what each of them, and all, held; what grows, in sentences.

    The warm-up does not count, neither here nor there: WARM_UP_S, or a third of a shorter run. What was watched for less than
    WARM_UP_S after it is not judged: it may be warming up still.
    """
    warm = hours > min(WARM_UP_S / 3600, hours.max(initial=0) / 3)
    figures: dict[str, Any] = {}
    grows: list[str] = []
    if warm.sum() < 3:
        return figures, grows
    hours = hours[warm]
    for name, samples in (held | {"all": np.sum(list(held.values()), axis=0)}).items():
        mb, handles, threads, cpu_s = samples[warm].T
        rise = slope(hours, mb)
        figures[name] = {
            "MB": [rounded(mb[0]), rounded(mb[-1])],
            "MB/h": [rounded(each) for each in rise],
            "handles": _counts(handles),
            "threads": _counts(threads),
            "CPU %": round(100 * np.ptp(cpu_s) / (3600 * np.ptp(hours))),
        }
        if np.ptp(hours) < WARM_UP_S / 3600:
            continue
        grows += [f"{name} grows by {rise.best:.1f} MB an hour"] * (rise.low > MOST_MB_HOUR)
        grows += [f"{name} has ever more {what}" for what, each in (("files", handles), ("threads", threads)) if _more(each)]
    return figures, grows


def rounded(value: float) -> float | None:
    """None for what JSON does not know."""
    return round(float(value), 2) if np.isfinite(value) else None


def _more(counts: np.ndarray) -> bool:
    """Whether the least of the last third is above that of the first."""
    third = len(counts) // 3
    return bool(counts[-third:].min() > counts[:third].min() + GROWN)


def _counts(counts: np.ndarray) -> list[int]:
    """The first, the last, the largest."""
    return [int(counts[0]), int(counts[-1]), int(counts.max())]
