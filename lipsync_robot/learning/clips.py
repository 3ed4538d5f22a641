"""Prepared talking-head clips as training data: displacement from a closed mouth, at 50 Hz, aligned with log-mel.

What is held of a corpus is where its clips lie; the clips themselves are read when they are asked for.
"""

import functools
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from scipy.signal import savgol_filter
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.mel import FRAME_RATE
from ..errors import BadInputError
from ..face.profile import closed_mouth
from . import augment, shards
from .corpus import TABLES, Row, split_in, table
from .resampling import resample, sampled

REMEMBERED = 180_000  # hops, so that a small corpus is read once: an hour takes 1 GB, and half of one as it is taught
T = TypeVar("T")
LOUD_DB = 35.0  # a frame within this of the clip's loudest is speech
ANTICIPATION, RELEASE = 8, 10  # hops of 20 ms for which lips move before and after the sound
WAITING, LINGERING = 25, 25  # hops around speech in which a mouth may be open as it is; past them it is taught to close
SMOOTHER = 9, 2  # Savitzky-Golay: hops, order
RAMP = 5  # hops over which the mouth closes where nobody speaks


@dataclass(frozen=True)
class Clip:
    name: str
    person: str
    mel: np.ndarray  # (hops, 80) float32 dB at 50 Hz
    neutral: np.ndarray  # (468, 3) float32 cm, this clip's closed mouth
    displacement: np.ndarray  # (hops, 468, 3) float32 cm from neutral
    speech: np.ndarray  # (hops,) bool
    start_s: float = 0.0  # of its recording, where its first hop lies


class Place(NamedTuple):
    """Where a prepared clip lies, and what its corpus says of it."""

    prepared: Path
    shard: str
    offset: int
    size: int
    name: str
    person: str
    hops: int
    picture_leads_s: float = 0.0  # how far the picture runs ahead of its sound
    start_s: float = 0.0  # of its recording


def remembered(function: Callable[[Place], T]) -> Callable[[Place], T]:
    """The function, which is asked once for each of the last places that together have REMEMBERED hops."""
    kept: OrderedDict[Place, T] = OrderedDict()
    held = 0

    @functools.wraps(function)
    def remembering(place: Place) -> T:
        nonlocal held
        if place in kept:
            kept.move_to_end(place)
            return kept[place]
        kept[place] = result = function(place)
        held += place.hops
        while held > REMEMBERED:
            held -= kept.popitem(last=False)[0].hops
        return result

    return remembering


def read(place: Place) -> Clip:
    landmarks, rate, mel = shards.read(place.prepared, place.shard, place.offset, place.size)
    moments = np.arange(len(landmarks)) / rate + place.picture_leads_s
    hops = min(len(mel), int(moments[-1] * FRAME_RATE) + 1)
    faces = resample(landmarks, moments, np.arange(hops) / FRAME_RATE)
    neutral = closed_mouth(landmarks)
    return Clip(place.name, place.person, mel[:hops], neutral, faces - neutral, speech_frames(mel[:hops]), place.start_s)


load = remembered(read)


class Clips:
    """Clips that are read one by one, each time they are asked for; the last of them are kept in memory."""

    def __init__(self, places: list[Place]) -> None:
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Clip:
        return load(self.places[index])

    def __iter__(self) -> Iterator[Clip]:
        return map(load, self.places)

    def __add__(self, other: "Clips") -> "Clips":
        return Clips(self.places + other.places)

    def sample(self, at_most: int) -> "Clips":
        """Evenly many of them from all over the corpus."""
        return Clips(self.places[:: max(1, -(-len(self) // at_most))])


def load_split(corpus: Path, prepared: Path, split: str) -> Clips:
    """The kept clips of one split: by the corpus's table, or by person where it has none (see corpus.split_of)."""
    return load_splits(corpus, prepared).get(split, Clips([]))


def load_splits(corpus: Path, prepared: Path) -> dict[str, Clips]:
    """The kept clips of every split, as load_split."""
    if not corpus.is_dir():
        raise BadInputError(f"{corpus}: no such folder. Name the corpus that was prepared: its table holds the splits.")
    rows = table(corpus)
    splits: dict[str, Clips] = {}
    for entry in shards.entries(prepared):
        belongs = split_in(rows, entry.name, entry.person)
        if not entry.dropped and belongs:
            splits.setdefault(belongs, Clips([])).places.append(_place(prepared, entry, (rows or {}).get(entry.name)))
    return splits


def load_all(prepared: Path, corpus: Path | None = None) -> Clips:
    """Every kept clip, whatever its split. corpus: whose table says how far pictures run ahead. BadInputError."""
    rows = table(corpus) if corpus else {}
    if rows is None:
        raise BadInputError(f"{corpus}: holds no {' and no '.join(TABLES)}, which would tell how far its pictures run ahead.")
    return Clips([_place(prepared, entry, rows.get(entry.name)) for entry in shards.entries(prepared) if not entry.dropped])


def _place(prepared: Path, entry: shards.Entry, row: Row | None) -> Place:
    person, leads = (row.person, row.picture_leads_s) if row else (entry.person, 0.0)
    shard, person = sys.intern(entry.shard), sys.intern(person)
    hops = round(entry.frames / entry.frame_rate * FRAME_RATE)
    return Place(prepared, shard, entry.offset, entry.size, entry.name, person, hops, leads, entry.start_s)


def loudness(mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> (hops,) dB below the clip's loudest, which is its 98th percentile."""
    level = 10 * np.log10(np.mean(10 ** (mel / 10), axis=1))
    return level - np.percentile(level, 98)


def speech_frames(mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> (hops,) bool: speech, widened by the time that lips are ahead of it and behind it."""
    return _widened(loudness(mel) > -LOUD_DB, ANTICIPATION, RELEASE)


def _widened(loud: np.ndarray, before: int, after: int) -> np.ndarray:
    widened = np.zeros_like(loud)
    for at in np.flatnonzero(loud):
        widened[max(0, at - before) : at + after + 1] = True
    return widened


def may_open(mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> (hops,) 1 around speech, eased to 0 where nobody speaks for long: many people wait with an open
    mouth, a robot should not."""
    kernel = np.ones(2 * RAMP + 1, np.float32) / (2 * RAMP + 1)
    padded = np.pad(_widened(loudness(mel) > -LOUD_DB, WAITING, LINGERING).astype(np.float32), RAMP, mode="edge")
    return np.convolve(padded, kernel, mode="valid")


def smoothed(displacement: np.ndarray) -> np.ndarray:
    """(hops, 468, 3) without half of FaceMesh's jitter, by Savitzky-Golay, which hardly shrinks a closure.

    A moving average does: seed 001, section 2.1.2, names the shrunken mouth.
    """
    return savgol_filter(displacement, *SMOOTHER, axis=0, mode="nearest")


@remembered
def taught(place: Place) -> tuple[np.ndarray, np.ndarray]:
    """What is learned from a clip: mel (hops, 80) dB, and the displacement (hops, 468, 3) float16 cm that it should lead to."""
    clip = read(place)
    return clip.mel, (smoothed(clip.displacement) * may_open(clip.mel)[:, None, None]).astype(np.float16)


class Stretches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Pieces of `length` hops from clips, at a random place and tempo.

    Each is mel (length, 80) dB, face (length, 468, 3) cm and weight (length,). The face is `lookahead` hops behind the sound:
    what the network says now is about the moment it has heard past. Clips shorter than a stretch are padded with their own
    silence; padding and the first hops have no weight.
    """

    def __init__(self, clips: Clips, length: int, lookahead: int) -> None:
        self._clips, self._length, self._lookahead = clips, length, lookahead

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        mel, motion = taught(self._clips.places[index])
        last = len(mel) - 1
        at = augment.tempo(self._length)
        at += int(torch.randint(max(1, last - int(at[-1])), ()))
        weight = (at <= last).astype(np.float32)
        at = np.minimum(at, last)
        face = sampled(motion, at)
        late = self._lookahead
        if late:
            face = np.concatenate([np.zeros_like(face[:late]), face[:-late]])
            weight = np.concatenate([np.zeros_like(weight[:late]), weight[:-late]])
        return torch.from_numpy(sampled(mel, at)), torch.from_numpy(face), torch.from_numpy(weight)

    def person_weights(self, power: float) -> list[float]:
        """Draw probability of each clip, so that a person with n hops counts as n ** power instead of n."""
        hops: Counter[tuple[Path, str]] = Counter()
        for place in self._clips.places:
            hops[place.prepared, place.person] += place.hops
        return [place.hops * hops[place.prepared, place.person] ** (power - 1) for place in self._clips.places]
