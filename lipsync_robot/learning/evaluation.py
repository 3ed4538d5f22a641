"""How well predicted faces follow the true ones of a split: figures a clip, their means and intervals, by person and group.

Everything is taken at 25 Hz within each clip, as displacement (frames, 468, 3) cm from that clip's own closed mouth.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..audio.mel import FRAME_RATE
from ..face import scores
from ..face.landmarks import aperture, mouth_width
from . import baselines
from .baselines import VIDEO_STEP, truth
from .clips import Clip

RATE = FRAME_RATE // VIDEO_STEP  # Hz of all that is scored
DRAWS = 2000  # of the bootstrap
FEWEST_PERSONS = 5  # from which on it draws persons instead of clips

Predict = Callable[[np.ndarray], np.ndarray]  # mel (hops, 80) dB -> displacement (hops, 468, 3) cm, late by the look-ahead


class Score(NamedTuple):
    """Of one clip."""

    figures: dict[str, float]
    closures: scores.Closures


def evaluate(predict: Predict, data: Iterable[Clip], lookahead: int) -> dict[str, float]:
    """The overall figures of what `predict` says, `lookahead` hops late, about the clips."""
    return overall([score(clip, prediction(predict, clip, lookahead)) for clip in data])


def prediction(predict: Predict, clip: Clip, lookahead: int) -> np.ndarray:
    """-> displacement (frames, 468, 3) cm at 25 Hz, about the same moments as the clip's own."""
    padded = np.concatenate([clip.mel, np.repeat(clip.mel[-1:], lookahead, axis=0)])
    return predict(padded)[lookahead:][::VIDEO_STEP]


def score(clip: Clip, displacement: np.ndarray) -> Score:
    """displacement (frames, 468, 3) cm at 25 Hz, predicted -> the figures of one clip. Their units: cm, cm², ms, cm/s³."""
    predicted, true = clip.neutral + displacement, clip.neutral + truth(clip)
    speech = clip.speech[::VIDEO_STEP]
    asked, opening = aperture(predicted), aperture(true)
    lips = scores.LIPS_AND_JAW
    lip_error = scores.position_error(predicted[:, lips], true[:, lips])
    figures = {
        "aperture_r": scores.correlation(asked, opening),
        "aperture_r_in_speech": scores.correlation(asked[speech], opening[speech]),
        "width_r": scores.correlation(mouth_width(predicted), mouth_width(true)),
        "D_P": scores.position_error(predicted, true),
        "D_V": scores.velocity_error(predicted, true),
        "D_PL": lip_error,
        "D_PL_by_width": lip_error / float(mouth_width(true).mean()),
        "D_VL": scores.velocity_error(predicted[:, lips], true[:, lips]),
        "D_AL": float(np.abs(scores.mouth_area(predicted) - scores.mouth_area(true)).mean()),
        "D_AE": float(np.abs(scores.eye_area(predicted) - scores.eye_area(true)).mean()),
        "lag_ms": 1000 * scores.lag(asked, opening, RATE).seconds,
        "swing": float(asked.std() / opening.std()),
        "jerk": scores.jerk(asked, RATE),
        "jerk_true": scores.jerk(opening, RATE),
    }
    return Score(figures, scores.closures(asked, opening, speech))


def overall(scored: list[Score]) -> dict[str, float]:
    """Means over clips; closures are counted over all clips together, because a clip may have none."""
    return _means(scored, np.ones((1, len(scored))))[0]


def interval(scored: list[Score], persons: list[str]) -> dict[str, list[float]]:
    """[low, high] of every overall figure: 95 % of what other draws of clips would give.

    Clips of one person are alike, so whole persons are drawn where there are at least five.
    """
    clusters = persons if len(set(persons)) >= FEWEST_PERSONS else [str(i) for i in range(len(scored))]
    names, member = np.unique(clusters, return_inverse=True)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    means = _means(scored, drawn[:, member])
    return {name: np.percentile([mean[name] for mean in means], [2.5, 97.5]).tolist() for name in means[0]}


def _means(scored: list[Score], weights: np.ndarray) -> list[dict[str, float]]:
    """weights (draws, clips): how often each clip counts -> the overall figures of each draw."""
    figures = weights @ np.array([list(each.figures.values()) for each in scored]) / weights.sum(axis=1, keepdims=True)
    counts = weights @ np.array([each.closures for each in scored])
    return [
        dict(zip(scored[0].figures, mean.tolist(), strict=True)) | _rates(scores.Closures(*count.tolist()))
        for mean, count in zip(figures, counts, strict=True)
    ]


def _rates(met: scores.Closures) -> dict[str, float]:
    return {"closure_recall": met.recall, "closure_precision": met.precision, "false_alarms": met.false_alarm_rate}


def report(
    data: list[Clip], predictions: list[np.ndarray], training: list[Clip], groups: dict[str, list[str]]
) -> dict[str, Any]:
    """The whole evaluation, for programs.

    predictions: displacement (frames, 468, 3) cm at 25 Hz of each clip; training: what the baselines that listen learn from;
    groups: by the report's key for them, the label of each clip.
    """
    persons = [clip.person for clip in data]
    scored = _scored(data, predictions)
    result: dict[str, Any] = {
        "clips": len(data),
        "overall": overall(scored),
        "overall_interval": interval(scored, persons),
        "baselines": {"static": overall(_scored(data, baselines.static(data)))},
        "left_out": [],
    }
    if len(data) > 1:
        chance = _scored(data, baselines.chance(data, predictions))
        result |= {"chance": overall(chance), "chance_interval": interval(chance, persons)}
        result["baselines"]["random"] = overall(_scored(data, baselines.random(data)))
    else:
        result["left_out"].append("chance and random: they need a second clip")
    if training:
        for name, fit in (("amplitude", baselines.amplitude), ("nearest", baselines.nearest)):
            listens = fit(training)
            result["baselines"][name] = overall(_scored(data, [listens(clip) for clip in data]))
    else:
        result["left_out"].append("amplitude and nearest: they need training clips; name some with --train-data")
    jittered = baselines.jittered(data)
    if jittered is not None:
        result["noise_floor"] = overall(_scored(data, jittered))
    else:
        result["left_out"].append("noise_floor: no mouth is closed in silence for long enough to see its jitter")
    return result | {key: by_label(labels, scored) for key, labels in ({"speakers": persons} | groups).items()}


def _scored(data: list[Clip], motions: list[np.ndarray]) -> list[Score]:
    return [score(clip, motion) for clip, motion in zip(data, motions, strict=True)]


def by_label(labels: list[str], scored: list[Score]) -> dict[str, dict[str, float]]:
    grouped: dict[str, list[Score]] = {}
    for label, each in zip(labels, scored, strict=True):
        grouped.setdefault(label, []).append(each)
    return {label: {"clips": len(each)} | overall(each) for label, each in sorted(grouped.items())}
