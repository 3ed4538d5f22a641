"""How well predicted faces follow the true ones of a split: figures a clip, their means and intervals, by person and group.

Everything is taken at 25 Hz within each clip, as displacement (frames, 468, 3) cm from that clip's own closed mouth.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..audio.mel import FRAME_RATE
from ..face import scores
from ..face.landmarks import aperture, mouth_width
from . import baselines
from .baselines import VIDEO_STEP, Data, Motions, truth
from .clips import Clip
from .progress import track

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


def predictions(predict: Predict, data: Data, lookahead: int) -> Motions:
    """What `predict` says about each clip."""
    return kept(lambda i: prediction(predict, data[i], lookahead))


def kept(motions: Motions) -> Motions:
    """The same, of which the last two are kept: chance asks for the next clip's, and then it is its turn."""
    return functools.lru_cache(2)(motions)


def scored(data: Data, methods: dict[str, Motions]) -> dict[str, list[Score]]:
    """What each method scores on every clip. A clip is in memory while it is scored, not longer."""
    found: dict[str, list[Score]] = {name: [] for name in methods}
    for i in track(range(len(data)), "scoring"):
        for name, motions in methods.items():
            found[name].append(score(data[i], motions(i)))
    return found


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
    return _means([scored], np.ones((1, 1)))[0]


def interval(scored: list[Score], persons: list[str], than: list[Score] | None = None) -> dict[str, list[float]]:
    """[low, high] of every overall figure, or of how much it is more than that of others on the same clips: 95 % of what other
    draws of clips would give.

    Clips of one person are alike, so whole persons are drawn where there are at least five.
    """
    means, less = _drawn(scored, persons), _drawn(than, persons) if than else None
    return {name: np.percentile(means[name] - less[name] if less else means[name], [2.5, 97.5]).tolist() for name in means}


def _drawn(scored: list[Score], persons: list[str]) -> dict[str, np.ndarray]:
    """(DRAWS,) of every overall figure; the same draws for the same clips."""
    clusters = [[each] for each in scored]
    if len(set(persons)) >= FEWEST_PERSONS:
        clusters = list(_grouped(persons, scored).values())
    drawn = np.random.default_rng(0).multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), size=DRAWS)
    means = _means(clusters, drawn)
    return {name: np.array([mean[name] for mean in means]) for name in means[0]}


def _means(clusters: list[list[Score]], weights: np.ndarray) -> list[dict[str, float]]:
    """weights (draws, clusters): how often each cluster of clips counts -> the overall figures of each draw."""
    sums = np.array([np.sum([list(each.figures.values()) for each in cluster], axis=0) for cluster in clusters])
    counts = weights @ np.array([np.sum([each.closures for each in cluster], axis=0) for cluster in clusters])
    means = weights @ sums / (weights @ np.array([len(cluster) for cluster in clusters]))[:, None]
    return [
        dict(zip(clusters[0][0].figures, mean.tolist(), strict=True)) | _rates(scores.Closures(*count.tolist()))
        for mean, count in zip(means, counts, strict=True)
    ]


def _rates(met: scores.Closures) -> dict[str, float]:
    return {"closure_recall": met.recall, "closure_precision": met.precision, "false_alarms": met.false_alarm_rate}


def report(data: Data, predicted: Motions, training: Data, labels: dict[str, list[str]]) -> dict[str, Any]:
    """The whole evaluation, for programs.

    training: what the baselines that listen learn from; labels: by the report's key, `speakers` among them, that of each clip.
    """
    methods, left_out = {"overall": predicted, "static": _heard(data, baselines.static)}, []
    if len(data) > 1:
        methods |= {"chance": baselines.chance(data, labels["speakers"], predicted), "random": baselines.random(data)}
    else:
        left_out.append("chance and random: they need a second clip")
    if len(training):
        methods["amplitude"] = _heard(data, baselines.amplitude(training))
        methods["nearest"] = _heard(data, baselines.nearest(training))
    else:
        left_out.append("amplitude and nearest: they need training clips; name some with --train-data")
    jittered = baselines.jittered(data)
    if jittered:
        methods["noise_floor"] = _heard(data, jittered)
    else:
        left_out.append("noise_floor: no mouth is closed in silence for long enough to see its jitter")
    found = scored(data, methods)
    figures = {name: overall(each) for name, each in found.items()}
    result: dict[str, Any] = {"clips": len(data), "baselines": {}, "left_out": left_out}
    for name in methods:
        (result if name in ("overall", "chance", "noise_floor") else result["baselines"])[name] = figures[name]
    for name in ("overall", "chance"):
        if name in found:
            result[f"{name}_interval"] = interval(found[name], labels["speakers"])
    return result | {key: by_label(each, found["overall"]) for key, each in labels.items()}


def _heard(data: Data, listener: baselines.Listener) -> Motions:
    return lambda i: listener(data[i])


def by_label(labels: list[str], scored: list[Score]) -> dict[str, dict[str, float]]:
    return {label: {"clips": len(each)} | overall(each) for label, each in sorted(_grouped(labels, scored).items())}


def _grouped(labels: list[str], scored: list[Score]) -> dict[str, list[Score]]:
    grouped: dict[str, list[Score]] = {}
    for label, each in zip(labels, scored, strict=True):
        grouped.setdefault(label, []).append(each)
    return grouped
