"""How well the predictor foretells: landmarks at the peak, lead, false and missed onsets. Seed 001, summer report, 6.2.2.

Clips are streamed through the predictor as a camera would; what is scored is what it said at that moment.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import BadInputError
from ..face.landmarks import robot_landmarks
from ..vision.expression import GRID_HZ, Anticipated, Predictor, Signs, watched
from . import export, predictor
from .expressions import Clip, Limits, expressions

DRAWS = 2000  # of the bootstrap
HORIZONS = np.arange(0, 12.5, 0.5)  # frames of the grid that a velocity may go on for
Method = Callable[["Foretold"], np.ndarray]  # -> (468, 3) cm, the face expected at the peak


class Foretold(NamedTuple):
    """An expression that was told before its peak."""

    person: str
    told: Anticipated
    lead_s: float  # from the frame at which it was told
    true: np.ndarray  # (468, 3) cm, the face at the peak

    @property
    def now(self) -> np.ndarray:
        """(468, 3) cm, the face when it was told."""
        return self.told.onset.faces[-1]


class Watched(NamedTuple):
    """What came of some clips."""

    foretold: list[Foretold]
    false: int  # told, and no expression came, or its peak had passed
    missed: int  # expressions that were not told before their peak
    minutes: float


class Result(NamedTuple):
    watched: Watched
    errors: dict[str, np.ndarray]  # by method: (expressions, 113) cm


def watch(clips: list[Clip], model: Predictor, signs: Signs, limits: Limits) -> Watched:
    """Streams the clips, frame by frame as they were seen. signs: by which expressions are counted."""
    found = []
    for clip in clips:
        model.reset()
        told = []
        for face, stamp in zip(clip.faces, clip.stamps, strict=True):
            before = model.fired
            model(face.astype(float), float(stamp))
            if model.fired > before and model.latest:
                told.append(model.latest)
        foretold, missed = [], 0
        for expression in expressions(clip, signs, limits)[0]:
            start, _, peak = expression.stamps
            its = [each for each in told if start < each.onset.stamp and each.stamp < peak]
            if its:
                foretold.append(Foretold(clip.person, its[0], peak - its[0].stamp, expression.before[-1]))
            missed += not its
        found.append(Watched(foretold, len(told) - len(foretold), missed, clip.seconds / 60))
    return together(found)


def together(some: list[Watched]) -> Watched:
    foretold = [it for each in some for it in each.foretold]
    return Watched(
        foretold, sum(each.false for each in some), sum(each.missed for each in some), sum(each.minutes for each in some)
    )


def errors(faces: np.ndarray, true: np.ndarray) -> np.ndarray:
    """faces, true (..., 468, 3) cm -> (..., 113) cm, of the robot's landmarks."""
    return np.linalg.norm(robot_landmarks(faces) - robot_landmarks(true), axis=-1)


def scored(tested: Watched, known: Watched) -> Result:
    """Every method on what was foretold. known: of other people, what the baselines learn from. Raises BadInputError."""
    for what, each in (("people that are scored", tested), ("people that baselines learn from", known)):
        if not each.foretold:
            raise BadInputError(f"No expression of the {what} was told before its peak: there is nothing to score.")
    result = {name: _errors(method, tested) for name, method in _methods(known).items()}
    faces = [each.true - each.told.onset.start for each in known.foretold]
    chance = [np.mean([errors(it.told.onset.start + face, it.true) for face in faces], axis=0) for it in tested.foretold]
    return Result(tested, result | {"random_face": np.array(chance)})


def _errors(method: Method, these: Watched) -> np.ndarray:
    return np.array([errors(method(each), each.true) for each in these.foretold])


def _methods(known: Watched) -> dict[str, Method]:
    def extrapolates(frames: float) -> Method:
        return lambda it: it.now + frames * (it.now - it.told.onset.faces[-3]) / 2

    windows = np.array([_window(each) for each in known.foretold])

    def neighbour(it: Foretold) -> np.ndarray:
        nearest = known.foretold[int(np.square(windows - _window(it)).sum(axis=(1, 2, 3)).argmin())]
        return it.now + nearest.true - nearest.now

    best = min(HORIZONS.tolist(), key=lambda frames: float(_errors(extrapolates(frames), known).mean()))
    mean_lead = float(np.mean([each.lead_s for each in known.foretold])) * GRID_HZ
    return {
        "predictor": lambda it: it.told.face,
        "current_face": lambda it: it.now,
        "nearest_neighbour": neighbour,
        "linear_by_best_horizon": extrapolates(best),
        "linear_by_mean_lead": extrapolates(mean_lead),
    }


def _window(it: Foretold) -> np.ndarray:
    return watched(it.told.onset.faces - it.told.onset.start)


def left_out(config: predictor.PredictorConfig, people: list[str], clips: list[Clip], also: list[Clip]) -> Result:
    """Each person by a predictor that was trained on the others, of the clips of `also` too."""
    results: list[Result] = []
    both = clips + also
    everybody: list[Watched] = []  # what the baselines know, by clip; onsets are the same whatever the network
    with tempfile.TemporaryDirectory() as folder:
        for person in people:
            others = [clip for clip in both if clip.person != person]
            path = Path(folder) / "predictor.onnx"
            export.predictor(predictor.train(config, others), config.signs, path)
            model = Predictor(path, providers=("cpu",))
            everybody = everybody or [watch([clip], model, config.signs, config.limits) for clip in both]
            theirs = watch([clip for clip in clips if clip.person == person], model, config.signs, config.limits)
            known = together([each for clip, each in zip(both, everybody, strict=True) if clip.person != person])
            results.append(scored(theirs, known) if theirs.foretold else Result(theirs, {}))
    methods = next((each.errors for each in results if each.errors), None)
    if methods is None:
        raise BadInputError("No expression was told before its peak: there is nothing to score.")
    return Result(
        together([each.watched for each in results]),
        {name: np.concatenate([r.errors[name] for r in results if r.errors]) for name in methods},
    )


def report(result: Result) -> dict[str, Any]:
    """For programs; errors are means over expressions and landmarks, cm. The stronger of two linear extrapolations counts."""
    means = {name: float(each.mean()) for name, each in result.errors.items()}
    linear = min("linear_by_best_horizon", "linear_by_mean_lead", key=lambda name: means[name])
    columns = {name: name for name in ("current_face", "random_face", "nearest_neighbour")} | {"linear_extrapolation": linear}
    best = min(columns, key=lambda name: means[columns[name]])
    persons = np.array([each.person for each in result.watched.foretold])
    each = {name: result.errors[column].mean(1) for name, column in {"predictor": "predictor", **columns}.items()}
    drawn = _drawn(persons, np.stack([*each.values()], axis=1))
    intervals = dict(zip(each, _between(drawn), strict=True))
    ratio = drawn[:, 0] / drawn[:, list(each).index(best)]
    leads = 1000 * np.array([each.lead_s for each in result.watched.foretold])
    minutes = result.watched.minutes
    return {
        "predictor": means["predictor"],
        "baselines": {name: means[column] for name, column in columns.items()},
        "best_baseline": best,
        "improvement_over_best_baseline": 1 - means["predictor"] / means[columns[best]],
        "intervals": intervals | {"improvement_over_best_baseline": _between(1 - ratio[:, None])[0]},
        "lead_ms": {name: float(np.percentile(leads, at)) for name, at in (("median", 50), ("p10", 10), ("p90", 90))},
        "false_fires_per_minute": result.watched.false / minutes,
        "missed_fires_per_minute": result.watched.missed / minutes,
        "minutes": minutes,
        "sequences": len(leads),
        "sequences_missed": result.watched.missed,
        "people": {
            str(name): {
                "sequences": int((persons == name).sum()),
                **{method: float(each[method][persons == name].mean()) for method in ("predictor", *columns)},
            }
            for name in sorted(set(persons.tolist()))
        },
    }


def _drawn(persons: np.ndarray, values: np.ndarray) -> np.ndarray:
    """persons (n,), values (n, k) -> (DRAWS, k): their means over other draws of as many people."""
    names, index = np.unique(persons, return_inverse=True)
    sums = np.array([values[index == i].sum(0) for i in range(len(names))])
    counts = np.bincount(index)
    draws = np.random.default_rng(0).integers(0, len(names), (DRAWS, len(names)))
    return sums[draws].sum(1) / counts[draws].sum(1, keepdims=True)


def _between(drawn: np.ndarray) -> list[list[float]]:
    """(DRAWS, k) -> k pairs that 95 of 100 lie between."""
    return np.percentile(drawn, (2.5, 97.5), axis=0).T.tolist()
