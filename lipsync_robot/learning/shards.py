"""Prepared clips on disk: tar files of numpy archives that stream, and an index that leads straight to each clip.

A folder holds shard-00000.tar with members <name>.npz, beside it shard-00000.tsv with a row for every clip that was looked at,
and index.tsv, all of those together. A shard is whole when its .tsv is there: both are renamed into place, the .tsv last.

A member holds `landmarks` (frames, 468, 3) float16 cm as offset from the canonical face, which rounds by less than 0.001 cm
as long as a point is within 4 cm of its canonical place; `frame_rate` in Hz; and `mel` (hops, 80) float16 dB at 50 Hz
(rounded by 0.03 dB at most), whose frame i is centred on the moment i / 50 s of the picture.
"""

import csv
import io
import os
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from math import nan
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from ..errors import BadInputError
from ..face.landmarks import CANONICAL
from .written import written

INDEX = "index.tsv"


class Entry(NamedTuple):
    """A row of the index: what was found in a clip, and where it lies. Nothing of a dropped clip lies anywhere."""

    name: str = ""
    person: str = ""
    shard: str = ""
    offset: int = 0  # bytes into the tar file
    size: int = 0  # bytes
    start_s: float = 0.0  # of the video, where the kept stretch begins
    frames: int = 0
    frame_rate: float = nan  # Hz
    bitrate_kbps: float = nan  # of the picture
    centerness_deg: float = nan
    shakiness_deg: float = nan
    picture_leads_ms: float = nan  # estimated: how far the mouth in the picture runs ahead of the sound
    picture_leads_r: float = nan  # how well sound and picture agree when shifted so
    dropped: str = ""  # why, or nothing


class Clip(NamedTuple):
    """What a shard holds of one clip."""

    landmarks: np.ndarray  # (frames, 468, 3) float32 cm, metric face
    frame_rate: float  # Hz
    mel: np.ndarray  # (hops, 80) float32 dB


def whole(folder: Path, number: int) -> bool:
    return _index(folder, number).exists()


def write(folder: Path, number: int, clips: Iterable[tuple[Entry, Clip | None]]) -> None:
    """Writes one shard and its index, both or neither; clips that were dropped are None."""
    shard, index = _index(folder, number).with_suffix(".tar"), _index(folder, number)
    partial = f".{uuid.uuid4().hex}.partial"  # of this attempt alone: a worker given up for lost may still be at it
    rows = []
    with tarfile.open(f"{shard}{partial}", "w") as tar:
        for entry, clip in clips:
            rows.append(entry if clip is None else _add(tar, entry._replace(shard=shard.stem), clip))
    with open(f"{index}{partial}", "w", newline="") as file:
        _write_rows(file, rows)
    os.replace(f"{shard}{partial}", shard)
    os.replace(f"{index}{partial}", index)


def finish(folder: Path, others: Iterable[Entry]) -> None:
    """Joins the whole shards' indices, and entries that belong to no shard, into index.tsv, and removes what was left half."""
    with written(folder / INDEX) as partial, partial.open("w", newline="") as file:
        _write_rows(file, others)
        for index in sorted(folder.glob("shard-*.tsv")):
            with index.open(newline="") as part:
                next(part)
                file.writelines(part)
    for left in folder.glob("shard-*.partial"):
        left.unlink()


def entries(folder: Path) -> Iterator[Entry]:
    """The rows of a prepared folder's index, one by one. Raises BadInputError."""
    path = folder / INDEX
    if not path.exists():
        raise BadInputError(f"{folder}: holds no {INDEX}. Run: lipsync-robot data prepare CORPUS --output {folder}")
    kinds = [type(default) for default in Entry._field_defaults.values()]
    with path.open(newline="") as file:
        rows = csv.reader(file, delimiter="\t")
        if tuple(next(rows)) != Entry._fields:
            raise BadInputError(f"{path}: has other columns than this version writes. Prepare the corpus anew.")
        for row in rows:
            yield Entry(*(kind(text) for kind, text in zip(kinds, row, strict=True)))


def read(folder: Path, shard: str, offset: int, size: int) -> Clip:
    """The clip that an index entry leads to."""
    with (folder / f"{shard}.tar").open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    with np.load(io.BytesIO(data)) as arrays:
        landmarks = arrays["landmarks"].astype(np.float32) + CANONICAL.vertices.astype(np.float32)
        return Clip(landmarks, float(arrays["frame_rate"]), arrays["mel"].astype(np.float32))


def _add(tar: tarfile.TarFile, entry: Entry, clip: Clip) -> Entry:
    packed = io.BytesIO()
    np.savez(
        packed,
        landmarks=(clip.landmarks - CANONICAL.vertices).astype(np.float16),
        frame_rate=clip.frame_rate,
        mel=clip.mel.astype(np.float16),
    )
    member = tarfile.TarInfo(f"{entry.name}.npz")
    member.size = packed.tell()
    packed.seek(0)
    tar.addfile(member, packed)
    padded = -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return entry._replace(offset=tar.offset - padded, size=member.size)


def _write_rows(file: IO[str], rows: Iterable[Entry]) -> None:
    writer = csv.writer(file, delimiter="\t", lineterminator="\n")
    writer.writerow(Entry._fields)
    writer.writerows([round(value, 3) if isinstance(value, float) else value for value in row] for row in rows)


def _index(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.tsv"
