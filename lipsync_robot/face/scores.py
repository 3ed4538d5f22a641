"""How well predicted lips follow true ones. Seed 001, section 3.1, and the lip-motion measures of the field.

Faces are (..., frames, 468, 3) cm in the metric face; openings and widths are (frames,) cm.
"""

from typing import NamedTuple

import numpy as np

from .landmarks import EYE_LEFT, EYE_RIGHT, INNER_LIP_RING, LIPS

GRID_HZ = 200.0  # on which two series are compared whose moments differ
AGREE_R = 0.7  # correlation from which on a lag tells something

# The jaw, chin and the skin below the lips, that move with speech.
JAW = [132, 136, 148, 149, 150, 152, 172, 176, 288, 361, 365, 377, 378, 379, 397, 400, 58, 18, 83, 313, 200, 199, 175,
       208, 428, 201, 421, 171, 396, 32, 262, 194, 418, 182, 406, 106, 335, 204, 424, 211, 431, 140, 369]  # fmt: skip
LIPS_AND_JAW = sorted({*LIPS, *JAW})


def position_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """D-P of any set of points (..., points, 3) -> mean distance, cm."""
    return float(np.linalg.norm(predicted - true, axis=-1).mean())


def velocity_error(predicted: np.ndarray, true: np.ndarray) -> float:
    """D-V (frames, points, 3) -> mean distance of the frame-to-frame differences, cm a frame."""
    return position_error(np.diff(predicted, axis=0), np.diff(true, axis=0))


def area(face: np.ndarray, ring: list[int]) -> np.ndarray:
    """face (..., 468, 3), ring of indices in walking order -> (...) frontal area, cm², by the shoelace formula."""
    x, y = face[..., ring, 0], face[..., ring, 1]
    return 0.5 * np.abs(np.sum(x * np.roll(y, -1, -1) - np.roll(x, -1, -1) * y, axis=-1))


def mouth_area(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) -> (...) cm² between the inner lips."""
    return area(face, INNER_LIP_RING)


def eye_area(face: np.ndarray) -> np.ndarray:
    """face (..., 468, 3) -> (...) cm² between the lids, mean of both eyes."""
    return (area(face, EYE_RIGHT) + area(face, EYE_LEFT)) / 2


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r of two series (n,); 0 where one of them never moves."""
    a, b = (series.astype(float) - series.mean(dtype=float) for series in (a, b))
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 1e-12 else 0.0


def jerk(series: np.ndarray, rate: float) -> float:
    """Mean absolute third difference of a series (n,) cm at `rate` Hz, cm/s³: how shaky its motion is."""
    return float(np.abs(np.diff(series, n=3)).mean() * rate**3)


class Lag(NamedTuple):
    seconds: float  # positive: the follower is late
    correlation: float  # at that lag


def lag(follower: np.ndarray, leader: np.ndarray, rate: float, within: float = 0.2) -> Lag:
    """The shift within +-`within` seconds at which two series (n,), `rate` Hz, agree best, to a quarter of a frame.

    No shift where one of them never moves.
    """
    fine = 4
    moments = np.arange(0, len(leader) - 1 + 1e-9, 1 / fine)
    x = np.interp(moments, np.arange(len(follower)), follower)
    y = np.interp(moments, np.arange(len(leader)), leader)
    best = Lag(0.0, correlation(x, y))
    for shift in range(-int(within * rate * fine), int(within * rate * fine) + 1):
        late, early = (x[shift:], y[: len(y) - shift]) if shift >= 0 else (x[:shift], y[-shift:])
        r = correlation(late, early)
        if r > best.correlation:
            best = Lag(shift / fine / rate, r)
    return best


class Series(NamedTuple):
    """A figure at moments of its own."""

    moments: np.ndarray  # (n,) s, rising
    values: np.ndarray  # (n,)


def lags(follower: Series, leader: Series, window_s: float, within: float = 0.2) -> list[tuple[float, Lag]]:
    """The lag in each stretch of window_s in which the two agree, and the moment (s) of its middle."""
    begin = max(follower.moments[0], leader.moments[0])
    end = min(follower.moments[-1], leader.moments[-1])
    found = []
    for edge in np.arange(begin, end - window_s + 1e-9, window_s):
        at = edge + np.arange(0, window_s, 1 / GRID_HZ)
        one = lag(np.interp(at, *follower), np.interp(at, *leader), GRID_HZ, within)
        if one.correlation >= AGREE_R:
            found.append((edge + window_s / 2, one))
    return found


class Closures(NamedTuple):
    recalled: int
    true: int
    confirmed: int  # predicted ones that are true
    predicted: int
    false_alarms: int  # frames predicted closed while the mouth is open
    open: int  # such frames at all

    @property
    def recall(self) -> float:
        return self.recalled / max(1, self.true)

    @property
    def precision(self) -> float:
        return self.confirmed / max(1, self.predicted)

    @property
    def false_alarm_rate(self) -> float:
        return self.false_alarms / max(1, self.open)


def closures(predicted: np.ndarray, true: np.ndarray, speech: np.ndarray) -> Closures:
    """predicted, true (frames,) apertures at 25 Hz, speech (frames,) bool -> how the mouth's closures in speech agree.

    A closure is a local minimum below 20 % (true) or 25 % (predicted) of the clip's 95th percentile; it agrees when the
    other series is below 25 % of its own within one frame. An open frame is above 40 %.
    """
    inside = _inner(speech)
    true_high, predicted_high = np.percentile(true, 95), np.percentile(predicted, 95)
    at_true = _minima((true < 0.2 * true_high) & inside, true)
    at_predicted = _minima((predicted < 0.25 * predicted_high) & inside, predicted)
    opened = inside & (true > 0.4 * true_high)
    return Closures(
        sum(bool((predicted[max(0, i - 1) : i + 2] < 0.25 * predicted_high).any()) for i in at_true),
        len(at_true),
        sum(bool((true[max(0, i - 1) : i + 2] < 0.25 * true_high).any()) for i in at_predicted),
        len(at_predicted),
        int((opened & (predicted < 0.25 * predicted_high)).sum()),
        int(opened.sum()),
    )


def _inner(speech: np.ndarray) -> np.ndarray:
    """The speech without its edges, where a mouth that has been closed all along would count as a closure."""
    inside = np.zeros_like(speech)
    at = np.flatnonzero(speech)
    if len(at) > 4:
        inside[at[0] + 2 : at[-1] - 1] = True
    return inside


def _minima(low: np.ndarray, series: np.ndarray) -> list[int]:
    """The lowest frame of each run of `low`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], low.astype(np.int8), [0]])))
    return [start + int(np.argmin(series[start:end])) for start, end in edges.reshape(-1, 2)]
