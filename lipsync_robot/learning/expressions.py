"""Videos of faces to expressions: what is still, then goes to one clear peak. Seed 001, summer report, section 6.1.

Faces are followed once and kept, a file for each clip; expressions are found in them anew each time, by the run time's own
curves. Unlike the run time this knows how each one went on: here it is decided what was an expression at all.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import BadInputError
from ..face.landmarks import CANONICAL
from ..vision import video
from ..vision.expression import AVERAGE_LAG, GRID_HZ, Signs, averaged, distance, rate, speeds, stretches, watched
from ..vision.facemesh import FaceMesh
from .corpus import Recording, layout, recordings, split_in, table
from .progress import track
from .written import written

REMEMBERED_S = 1.0  # at the most, of the frames that onsets are told by, beside how long a start is good for


@dataclass(frozen=True)
class Limits:
    """What is an expression."""

    least_cm: float = 0.25  # mean over the landmarks, at the peak
    longest_s: float = 1.5  # from the last still frame to the peak
    declined: float = 0.1  # of its distance that an expression has lost when its peak has passed


class Clip(NamedTuple):
    """A face that was followed, where it was seen."""

    name: str
    person: str
    seconds: float  # of the video
    stamps: np.ndarray  # (n,) s
    faces: np.ndarray  # (n, 468, 3) float32 cm, metric face


class Moments(NamedTuple):
    """Of an expression, as frames of the grid in one stretch of a clip."""

    start: int  # the last still one
    onset: int  # where the acceleration peaks
    peak: int  # where the distance does


class Expression(NamedTuple):
    """One that was found."""

    stamps: tuple[float, float, float]  # s: start, onset, peak
    before: np.ndarray  # (frames, 468, 3) cm on the grid, up to its peak and with it, from where an onset can depend on them
    at: Moments  # as indices into those


def follow(corpus: Path, output: Path, split: str | None) -> list[str]:
    """Writes what FaceMesh sees in each video of a corpus, or of a split of it; clips that are there are kept.

    -> a line for each video that cannot be read.
    """
    rows = table(corpus)
    wanted = [each for each in recordings(corpus) if split in (None, split_in(rows, each.name, each.person))]
    if not wanted:
        raise BadInputError(f"{corpus}: no clip of split {split!r}. Choose one that its table names, or leave --split out.")
    places, unreadable = layout(corpus), []
    for recording in track(wanted, "following"):
        if (output / f"{recording.name}.npz").exists():
            continue
        try:
            save(_followed(recording, places.video(recording)), output)
        except video.VideoFileError as error:
            unreadable.append(str(error))
    return unreadable


def _followed(recording: Recording, path: Path) -> Clip:
    stamps, faces, last = [], [], 0.0
    with closing(FaceMesh()) as mesh:
        for last, picture in video.frames(path):
            face = mesh(picture)
            if face is not None:
                stamps.append(last)
                faces.append(face.points)
    seen = np.array(faces, np.float32).reshape(-1, *CANONICAL.vertices.shape)
    return Clip(recording.name, recording.person, last, np.array(stamps), seen)


def save(clip: Clip, folder: Path) -> None:
    """Writes a file that load reads, whole or not at all; faces as offsets, float16, which rounds by less than 0.001 cm."""
    path = folder / f"{clip.name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as partial, partial.open("wb") as file:
        offsets = (clip.faces - CANONICAL.vertices).astype(np.float16)
        np.savez_compressed(file, person=clip.person, seconds=clip.seconds, stamps=clip.stamps, offsets=offsets)


def load(folder: Path) -> list[Clip]:
    """What `follow` wrote, by name. Raises BadInputError."""
    clips = []
    for path in sorted(folder.rglob("*.npz")):
        try:
            with np.load(path) as data:
                faces = data["offsets"].astype(np.float32) + CANONICAL.vertices.astype(np.float32)
                name = path.relative_to(folder).with_suffix("").as_posix()
                clips.append(Clip(name, str(data["person"]), float(data["seconds"]), data["stamps"], faces))
        except (KeyError, OSError, ValueError) as error:
            raise BadInputError(f"{path}: is not what `data expressions` writes. Remove it, and run that again.") from error
    if not clips:
        raise BadInputError(f"{folder}: holds no followed face. Run: lipsync-robot data expressions VIDEOS --output {folder}")
    return clips


def expressions(clip: Clip, signs: Signs, limits: Limits) -> tuple[list[Expression], Counter[str]]:
    """Those of a clip, and how many beginnings were dropped, by reason."""
    kept, dropped = [], Counter[str]()
    memory = round((signs.fresh_s + signs.still_s + REMEMBERED_S) * GRID_HZ)
    for faces, stamps in stretches(clip.faces, clip.stamps):
        those, others = found(faces, signs, limits)
        dropped += others
        for at in those:
            first = max(0, at.start - memory)
            before = faces[first : at.peak + 1].copy()  # or all of a long clip would stay in memory
            moments = Moments(*(frame - first for frame in at))
            kept.append(Expression((stamps[at.start], stamps[at.onset], stamps[at.peak]), before, moments))
    return kept, dropped


def found(faces: np.ndarray, signs: Signs, limits: Limits) -> tuple[list[Moments], Counter[str]]:
    """faces (n, 468, 3) cm on the grid -> the expressions in them, and how many beginnings were dropped, by reason."""
    landmarks = centred(watched(faces))
    calm = still(landmarks, signs)
    kept, dropped = [], Counter[str]()
    for start in ends(calm):
        way = distance(landmarks[start:], landmarks[max(0, start + 1 - signs.still_frames) : start + 1].mean(0))
        peak, reason = _peak(way, calm[start:], limits)
        onset = int(acceleration(way[: peak + 1]).argmax())
        if not reason and onset >= peak:
            reason = "its acceleration peaks no earlier than its distance"
        if reason:
            dropped[reason] += 1
        else:
            kept.append(Moments(start, start + onset, start + peak))
    return kept, dropped


def centred(landmarks: np.ndarray) -> np.ndarray:
    """(n, ...) -> (n, ...) averaged, and not late: here nobody waits."""
    late = averaged(landmarks)
    return np.concatenate([late[AVERAGE_LAG:], np.repeat(late[-1:], AVERAGE_LAG, axis=0)])[: len(landmarks)]


def acceleration(way: np.ndarray) -> np.ndarray:
    """way (n,) cm on the grid -> (n,) cm/s², each of the frame in the middle of the three that it takes."""
    late = rate(rate(way))
    return np.append(late[1:], 0.0)


def still(landmarks: np.ndarray, signs: Signs) -> np.ndarray:
    """landmarks (n, 81, 2) cm, averaged -> (n,) bool: has not moved for signs.still_s."""
    calm = np.concatenate([[0], np.cumsum(speeds(landmarks) < signs.still_cm_s)])
    lasting = calm[signs.still_frames :] - calm[: -signs.still_frames] == signs.still_frames
    return np.concatenate([np.zeros(len(landmarks) - len(lasting), bool), lasting])


def ends(runs: np.ndarray) -> Iterator[int]:
    """runs (n,) bool -> where each run of True has its last, but one that lasts to the end."""
    yield from np.flatnonzero(runs[:-1] & ~runs[1:]).tolist()


def _peak(way: np.ndarray, calm: np.ndarray, limits: Limits) -> tuple[int, str]:
    """way (n,) cm from a start, calm (n,) bool -> where it peaks, and why that is no expression, if it is none."""
    high = 0
    for i in range(1, len(way)):
        if way[i] > way[high]:
            high = i
        if calm[i] or way[i] < (1 - limits.declined) * way[high]:
            return high, "" if way[high] >= limits.least_cm else "too small"
        if i > limits.longest_s * GRID_HZ:
            return high, "no peak in time"
    return high, "the clip ends, or the face is lost, before its peak"
