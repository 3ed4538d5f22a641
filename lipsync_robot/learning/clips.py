"""Prepared talking-head clips as training data: displacement from a closed mouth, at 50 Hz, aligned with log-mel."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.mel import FRAME_RATE
from ..errors import BadInputError
from ..face.landmarks import POINTS, aperture

LOUD_DB = 35.0  # a frame within this of the clip's loudest is speech
ANTICIPATION, RELEASE = 8, 10  # frames of 20 ms for which lips move before and after the sound
RAMP = 5  # frames over which the mouth closes where nobody speaks


@dataclass(frozen=True)
class Clip:
    name: str
    person: str
    mel: np.ndarray  # (hops, 80) float32 dB at 50 Hz
    neutral: np.ndarray  # (468, 3) float32 cm, this clip's closed mouth
    displacement: np.ndarray  # (hops, 468, 3) float32 cm from neutral
    speech: np.ndarray  # (hops,) bool


def table(corpus: Path) -> list[dict[str, str]]:
    """The rows of a corpus's splits.tsv or clips.tsv, each with the `name` and `person` of its clip. Raises BadInputError."""
    path = next((path for path in (corpus / "splits.tsv", corpus / "clips.tsv") if path.exists()), None)
    if path is None:
        raise BadInputError(f"{corpus}: holds no splits.tsv or clips.tsv. Lay the corpus out as docs/training.md shows.")
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        row["name"] = f"{row['speaker']}/{row['clip']}" if "speaker" in row else row["clip"]
        row["person"] = row.get("speaker") or row["person"]
    return rows


def load(prepared: Path, name: str, person: str, picture_leads_s: float = 0.0) -> Clip:
    """One prepared clip. picture_leads_s: how far the picture runs ahead of its sound. Raises BadInputError."""
    path = prepared / f"{name}.npz"
    if not path.exists():
        raise BadInputError(f"{path}: not prepared. Run: lipsync-robot data prepare CORPUS --output {prepared}")
    with np.load(path) as data:
        landmarks, rate, mel = data["landmarks"], float(data["frame_rate"]), data["mel"]
    moments = np.arange(len(landmarks)) / rate + picture_leads_s
    hops = min(len(mel), int(moments[-1] * FRAME_RATE) + 1)
    faces = resample(landmarks, moments, np.arange(hops) / FRAME_RATE)
    neutral = closed_mouth(landmarks)
    return Clip(name, person, mel[:hops], neutral, faces - neutral, speech_frames(mel[:hops]))


def closed_mouth(landmarks: np.ndarray) -> np.ndarray:
    """landmarks (frames, 468, 3) -> (468, 3): the median of the quarter of frames whose mouth is least open."""
    opening = aperture(landmarks)
    return np.median(landmarks[opening <= np.quantile(opening, 0.25)], axis=0).astype(np.float32)


def resample(faces: np.ndarray, moments: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """faces (n, 468, 3) at moments (n,) s -> (m, 468, 3) at wanted (m,) s, linearly; the ends are held."""
    at = np.clip(np.interp(wanted, moments, np.arange(len(moments))), 0, len(moments) - 1)
    before = np.minimum(at.astype(int), len(moments) - 2)
    share = (at - before)[:, None, None].astype(np.float32)
    return faces[before] * (1 - share) + faces[before + 1] * share


def loudness(mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> (hops,) dB below the clip's loudest, which is its 98th percentile."""
    level = 10 * np.log10(np.mean(10 ** (mel / 10), axis=1))
    return level - np.percentile(level, 98)


def speech_frames(mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> (hops,) bool: speech, widened by the time that lips are ahead of it and behind it."""
    loud = loudness(mel) > -LOUD_DB
    widened = np.zeros_like(loud)
    for at in np.flatnonzero(loud):
        widened[max(0, at - ANTICIPATION) : at + RELEASE + 1] = True
    return widened


def closed_in_silence(displacement: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Eases the displacement (hops, 468, 3) to none where nobody speaks: many people wait with an open mouth."""
    kernel = np.ones(2 * RAMP + 1, np.float32) / (2 * RAMP + 1)
    padded = np.pad(speech.astype(np.float32), RAMP, mode="edge")
    return displacement * np.convolve(padded, kernel, mode="valid")[:, None, None]


class Stretches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Pieces of `length` hops from clips, at a random place: (mel (length, 80), face (length, 468, 3) cm, weight (length,)).

    The face is `lookahead` hops behind the sound: what the network says now is about the moment it has heard past. Clips
    shorter than a stretch are padded with their own silence; padding and the first hops have no weight.
    """

    def __init__(self, clips: list[Clip], length: int, lookahead: int) -> None:
        self._clips, self._length, self._lookahead = clips, length, lookahead

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        clip = self._clips[index]
        face = closed_in_silence(clip.displacement, clip.speech)
        start = int(torch.randint(max(1, len(clip.mel) - self._length + 1), ()))
        mel, face = clip.mel[start : start + self._length], face[start : start + self._length]
        weight = np.ones(len(mel), np.float32)
        short = self._length - len(mel)
        mel = np.pad(mel, ((0, short), (0, 0)), mode="edge")
        face = np.pad(face, ((0, short), (0, 0), (0, 0)))
        weight = np.pad(weight, (0, short))
        late = self._lookahead
        face = np.concatenate([np.zeros((late, POINTS, 3), np.float32), face[: self._length - late]])
        weight = np.concatenate([np.zeros(late, np.float32), weight[: self._length - late]])
        return torch.from_numpy(mel), torch.from_numpy(face), torch.from_numpy(weight)

    def person_weights(self, power: float) -> list[float]:
        """Draw probability of each clip, so that a person with n clips counts as n ** power instead of n."""
        count: dict[str, int] = {}
        for clip in self._clips:
            count[clip.person] = count.get(clip.person, 0) + 1
        return [count[clip.person] ** (power - 1) for clip in self._clips]
