"""Many trainings, scored alike: the seeds' ablations, look-ahead against quality, and what a person's own video brings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import settings
from ..audio.mel import lookahead_s
from ..errors import BadInputError
from . import adapt, audio2landmark, baselines, evaluation
from .audio2landmark import Audio2LandmarkConfig, Audio2LandmarkTraining
from .baselines import Data
from .clips import Clip, Clips, load_split, load_splits


@dataclass(frozen=True)
class Ablations:
    """config/train/ablations.yaml: settings that all share, and by name what is different in each."""

    shared: dict
    variants: dict


def variants(path: Path) -> dict[str, Audio2LandmarkConfig]:
    """The settings of each variant, by name. Raises settings.SettingsError."""
    file = settings.load(Ablations, path)
    return {
        name: settings.build(Audio2LandmarkConfig, {**file.shared, **(different or {})}, f"{path}: {name}")
        for name, different in file.variants.items()
    }


def ablations(configs: dict[str, Audio2LandmarkConfig], apc_run: Path, output: Path, data: Data) -> dict[str, Any]:
    """Each variant trained under output, unless it is there already -> its figures on data, beside a random face's."""
    scored = {name: _trained(config, apc_run, output / name, data) for name, config in configs.items()}
    random = evaluation.scored(data, {"random": baselines.random(data)})
    return scored | {"random": evaluation.overall(random["random"])}


def lookaheads(
    config: Audio2LandmarkConfig, hops: list[int], apc_run: Path, output: Path, data: Data
) -> dict[str, dict[str, float]]:
    """The same network with so many hops of look-ahead each -> its figures on data, by milliseconds, half window included."""
    return {
        f"{1000 * lookahead_s(count):.0f}": _trained(replace(config, lookahead=count), apc_run, output / str(count), data)
        for count in hops
    }


def left_out(config: Audio2LandmarkConfig, always: list[str], apc_run: Path, output: Path) -> dict[str, Any]:
    """Each person of the first corpus scored by a network that never met them, trained on all others and other corpora.

    always: people in every training, who are not scored. Which epoch is best is told by clips of people trained on (splits
    whose name ends in _seen, which nothing else is done with), so that the person left out tunes nothing.
    """
    splits = load_splits(Path(config.corpora[0]), Path(config.prepared[0]))
    seen = [place for name, clips in splits.items() if name.endswith("_seen") for place in clips.places]
    usable = [place for name, clips in splits.items() if not name.endswith("_seen") for place in clips.places]
    elsewhere = [
        place
        for corpus, prepared in zip(config.corpora[1:], config.prepared[1:], strict=True)
        for place in load_split(Path(corpus), Path(prepared), "train").places
    ]
    people = sorted({place.person for place in usable} - set(always))
    if not seen or not people:
        raise BadInputError(
            f"{config.corpora[0]}: its table needs a split whose name ends in _seen, of clips that only tell the best epoch, "
            f"and another with people to leave out in turn, beyond {', '.join(always) or 'those always trained on'}."
        )
    modules: dict[str, Audio2LandmarkTraining] = {}
    for person in people:
        tuning = Clips([place for place in seen if place.person != person])
        if not len(tuning):
            raise BadInputError(f"{person} alone is in the splits ..._seen, which tell the best epoch: give --always {person}.")
        run = output / person
        if (run / "network.pt").exists():
            modules[person] = _as_before(config, apc_run, run)
        else:
            others = Clips([place for place in usable if place.person != person] + elsewhere)
            resume = (run / "last.ckpt").exists()
            modules[person] = audio2landmark.fitted(config, apc_run, run, others, tuning, resume)
    own = Clips([place for person in people for place in usable if place.person == person])
    persons = [place.person for place in own.places]
    told = evaluation.kept(lambda i: evaluation.prediction(modules[persons[i]].predict, own[i], config.lookahead))
    found = evaluation.scored(own, {"overall": told, "chance": baselines.chance(own, persons, told)})
    return {name: evaluation.overall(scored) for name, scored in found.items()} | {
        "overall_interval": evaluation.interval(found["overall"], persons),
        "speakers": evaluation.by_label(persons, found["overall"]),
    }


def _as_before(config: Audio2LandmarkConfig, apc_run: Path, run: Path) -> Audio2LandmarkTraining:
    """A finished run, which must have been trained so."""
    module = audio2landmark.load(run, apc_run)
    if module.config != config:
        raise BadInputError(f"{run}: was trained with other settings. Name another --output, or remove it.")
    return module


def _trained(config: Audio2LandmarkConfig, apc_run: Path, run: Path, data: Data) -> dict[str, float]:
    if (run / "network.pt").exists():
        module = _as_before(config, apc_run, run)
    else:
        module = audio2landmark.train(config, apc_run, run, resume=(run / "last.ckpt").exists())
    return evaluation.evaluate(module.predict, data, config.lookahead)


def adaptation(runs: list[Path], apc_run: Path, data: Clips, seconds: float) -> dict[str, Any]:
    """What adapting to a person's first seconds brings on their other clips -> before and after, overall and by person, and
    the interval of what is gained.

    runs: that answer with their mean; left_out: sentences, about people who have no other clip.
    """
    modules = [audio2landmark.load(run, apc_run) for run in runs]
    scored: dict[str, list[evaluation.Score]] = {"before": [], "after": []}
    persons, left_out = [], []
    for person in sorted({place.person for place in data.places}):
        own = Clips([place for place in data.places if place.person == person])
        learned, rest = adapt.first_seconds(own, seconds)
        if not len(rest):
            left_out.append(f"{person}: no clip beyond the first {seconds:g} s to be scored on; adapt to fewer --seconds")
            continue
        persons += [person] * len(rest)
        for when, speakers in (("before", modules), ("after", [adapt.adapted(module, learned) for module in modules])):
            scored[when] += [evaluation.score(clip, _mean_prediction(speakers, clip)) for clip in rest]
    if not persons:
        raise BadInputError(f"Nobody can be scored. {'; '.join(left_out)}.")
    figures = {
        when: {
            "overall": evaluation.overall(found),
            "overall_interval": evaluation.interval(found, persons),
            "speakers": evaluation.by_label(persons, found),
        }
        for when, found in scored.items()
    }
    gained = evaluation.interval(scored["after"], persons, scored["before"])
    return figures | {"gained_interval": gained, "left_out": left_out}


def _mean_prediction(speakers: list[Audio2LandmarkTraining], clip: Clip) -> np.ndarray:
    """-> displacement (frames, 468, 3) cm at 25 Hz."""
    return np.mean([evaluation.prediction(each.predict, clip, each.config.lookahead) for each in speakers], axis=0)
