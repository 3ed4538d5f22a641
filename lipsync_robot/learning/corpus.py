"""What a folder of recordings holds: its clips, who speaks in each, and which split each belongs to.

Three layouts are found by themselves: VoxCeleb2's (mp4/<id>/<video>/<utterance>.mp4 with aac/<same>.m4a), ours
(video/**/<name>.mp4 with audio/**/<name>.opus), and any other folder of videos, whose own sound is used.
"""

import csv
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio import files
from ..errors import BadInputError
from ..vision import video

SOUND = (".opus", ".wav", ".flac", ".m4a", ".mp3", ".ogg")
VIDEO = (".mp4", ".mkv", ".mov", ".webm", ".avi")
PICTURE_AND_SOUND = (("mp4", "aac"), ("video", "audio"))  # folders that hold the same names
TABLES = ("splits.tsv", "clips.tsv")


class Recording(NamedTuple):
    name: str  # path below the folder of videos, without its suffix
    suffix: str  # of the video
    person: str


class Layout(NamedTuple):
    videos: str  # absolute paths, as text: they travel to every worker
    sounds: str

    def video(self, recording: Recording) -> Path:
        return Path(self.videos, recording.name + recording.suffix)

    def sound(self, name: str) -> Path:
        """The sound file of that name, else the video with its own sound."""
        suffixes = [(self.sounds, suffix) for suffix in SOUND] + [(self.videos, suffix) for suffix in VIDEO]
        paths = (Path(folder, name + end) for folder, suffix in suffixes for end in (suffix, suffix.upper()))
        return next(path for path in paths if path.exists())

    def heard(self, name: str) -> np.ndarray:
        """That sound, (n,) float32 in -1..1 at 16 kHz, from the first picture on. Raises BadInputError."""
        path = self.sound(name)
        return files.read(path, video.after_sound_s(path) if path.suffix.lower() in VIDEO else 0.0)


class Row(NamedTuple):
    """What a corpus's table says of a clip."""

    person: str
    split: str
    picture_leads_s: float
    columns: dict[str, str]  # the whole row


def layout(corpus: Path) -> Layout:
    for videos, sounds in PICTURE_AND_SOUND:
        if (corpus / videos).is_dir():
            return Layout(str((corpus / videos).resolve()), str((corpus / sounds).resolve()))
    return Layout(str(corpus.resolve()), str(corpus.resolve()))


def recordings(corpus: Path) -> list[Recording]:
    """Every clip of the corpus, by name; none where it holds no video."""
    rows = table(corpus) or {}
    found = []
    for name, suffix in _videos(layout(corpus).videos):
        row = rows.get(name)
        found.append(Recording(name, suffix, row.person if row else name.split("/")[0]))
    return sorted(found)


def has_video(corpus: Path) -> bool:
    return any(_videos(layout(corpus).videos))


def has_sound(corpus: Path) -> bool:
    return any(path.suffix.lower() in SOUND for path in corpus.rglob("*"))


def table(corpus: Path) -> dict[str, Row] | None:
    """Clip name -> its row in splits.tsv (speaker, clip, split) or clips.tsv (clip, person, split, picture_leads_ms)."""
    path = next((corpus / name for name in TABLES if (corpus / name).exists()), None)
    if path is None:
        return None
    with path.open(newline="") as file:
        lines = csv.DictReader(file, delimiter="\t")
        try:
            return {
                f"{line['speaker']}/{line['clip']}" if "speaker" in line else line["clip"]: Row(
                    line.get("speaker") or line["person"], line["split"], float(line.get("picture_leads_ms") or 0) / 1000, line
                )
                for line in lines
            }
        except KeyError as error:
            raise BadInputError(f"{path}: has no column {error}. docs/training.md names those it needs.") from error
        except ValueError as error:
            raise BadInputError(f"{path}: line {lines.line_num}: picture_leads_ms is no number ({error}).") from error


def split_of(person: str) -> str:
    """The split of a person in a corpus without a table: one in a hundred is `val`, one `test`, by a hash of the name."""
    return {0: "val", 1: "test"}.get(zlib.crc32(person.encode()) % 100, "train")


def split_in(rows: dict[str, Row] | None, name: str, person: str) -> str | None:
    """The split of a clip: as the corpus's table has it, or by its person where there is no table."""
    if rows is None:
        return split_of(person)
    return rows[name].split if name in rows else None


def _videos(folder: str) -> Iterator[tuple[str, str]]:
    """Name and suffix of every video below folder."""
    for parent, _, names in os.walk(folder):
        for file in names:
            name, suffix = os.path.splitext(os.path.relpath(os.path.join(parent, file), folder))
            if suffix.lower() in VIDEO:
                yield name.replace(os.sep, "/"), suffix
