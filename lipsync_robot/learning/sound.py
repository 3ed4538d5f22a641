"""Speech without faces, for pre-training: log-mel of whole folders of sound, packed into one array a folder, and its phones."""

import multiprocessing
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio import files
from ..audio.mel import LogMel
from ..errors import BadInputError
from . import augment, phones
from .corpus import SOUND
from .progress import track


class Spoken(NamedTuple):
    """What is said in a folder of sound: a table of phones.transcripts, and its language as espeak-ng names it."""

    table: Path
    language: str


def prepare(folder: Path, output: Path, workers: int, spoken: Spoken | None = None) -> list[str]:
    """Packs every sound file below folder into output (.npy, (frames, 80) float16 dB) -> files that could not be read.

    With `spoken`, the phone of each frame goes beside it (phones_of(output), (frames,) int8).
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND)
    if not paths:
        raise BadInputError(f"{folder}: holds no sound file ({', '.join(SOUND)}).")
    words = phones.transcripts(spoken.table, folder.name) if spoken else {}
    jobs = [(path, words.get(str(path.relative_to(folder)), [])) for path in paths]
    language = spoken.language if spoken else "en"
    with multiprocessing.get_context("spawn").Pool(workers, _begin, (language,)) as pool:
        results = list(track(pool.imap(_pack, jobs, chunksize=8), f"preparing {folder.name}", len(jobs)))
    packed = [result for result in results if not isinstance(result, str)]
    if not packed:
        raise BadInputError(f"{folder}: none of its {len(paths)} sound files can be read.")
    output.parent.mkdir(parents=True, exist_ok=True)
    if spoken:
        _save(phones_of(output), np.concatenate([spoken_phones for _, spoken_phones in packed]))
    _save(output, np.concatenate([mel for mel, _ in packed]))
    return [result for result in results if isinstance(result, str)]


def _save(path: Path, array: np.ndarray) -> None:
    with (partial := path.with_suffix(".partial")).open("wb") as file:
        np.save(file, array)
    partial.replace(path)  # whole, or not there


def phones_of(pack: Path) -> Path:
    """Where the phones of a pack of voices are, if they are known."""
    return pack.with_suffix(".phones.npy")


_align: phones.Aligner  # one a worker process: its dictionary takes a second to load


def _begin(language: str) -> None:
    global _align
    _align = phones.Aligner(language)


def _pack(job: tuple[Path, list[phones.Word]]) -> tuple[np.ndarray, np.ndarray] | str:
    path, words = job
    try:
        samples = files.read(path)
    except files.AudioFileError as error:
        return str(error)
    mel = LogMel()(samples).astype(np.float16)
    return mel, _align(samples, words, len(mel)) if words else np.full(len(mel), phones.UNKNOWN, np.int8)


def _load(pack: Path) -> np.ndarray:
    if not pack.exists():
        raise BadInputError(f"{pack}: no such pack of voices. Make it: lipsync-robot data prepare FOLDER --output {pack}")
    return np.load(pack, mmap_mode="r")


class Sequences(Dataset[tuple[Tensor, Tensor]]):
    """Stretches of `length` frames from a random place in the packed voices, cut anew each epoch, at another tempo each."""

    def __init__(self, packs: list[Path], length: int, held_out: float = 0.0, from_held_out: bool = False) -> None:
        """held_out: share of each pack, its end, that is left alone, or is all there is with from_held_out: then every stretch
        is where it was and as it was spoken."""
        self._varied = not from_held_out
        self._packs = [_load(path) for path in packs]
        self._phones = [np.load(phones_of(path), mmap_mode="r") if phones_of(path).exists() else None for path in packs]
        self._length = length
        reach = length + int(augment.FASTEST * length) + 1  # of a stretch from the earliest place it may begin at
        self._starts = []
        for p, pack in enumerate(self._packs):
            border = len(pack) - (max(length, int(held_out * len(pack))) if held_out else 0)
            places = range(border, len(pack) - length + 1, length) if from_held_out else range(0, border - reach, length)
            self._starts += [(p, place) for place in places]

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """mel (length, 80) float32 dB, phones (length,) int64, UNKNOWN where they are."""
        pack, start = self._starts[index]
        at = start + np.arange(self._length, dtype=float)
        if self._varied:
            at = start + int(torch.randint(self._length, ())) + augment.tempo(self._length)
        mel = augment.sampled(self._packs[pack], at)
        known = self._phones[pack]
        spoken = np.full(self._length, phones.UNKNOWN) if known is None else known[np.round(at).astype(int)]
        return torch.from_numpy(mel), torch.from_numpy(spoken.astype(np.int64))

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (80,) of each band, dB."""
        sample = np.concatenate([pack[::10] for pack in self._packs]).astype(np.float32)
        return torch.from_numpy(sample.mean(0)), torch.from_numpy(sample.std(0))
