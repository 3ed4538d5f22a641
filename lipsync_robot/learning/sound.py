"""Speech without faces, for pre-training: log-mel of whole folders of sound, packed into one array a folder."""

import multiprocessing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio import files
from ..audio.mel import LogMel
from ..errors import BadInputError
from .corpus import SOUND
from .progress import track


def prepare(folder: Path, output: Path, workers: int) -> list[str]:
    """Packs every sound file below folder into output (.npy, (frames, 80) float16 dB) -> files that could not be read."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in SOUND)
    if not paths:
        raise BadInputError(f"{folder}: holds no sound file ({', '.join(SOUND)}).")
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        results = list(track(pool.imap(_log_mel, paths, chunksize=8), f"preparing {folder.name}", len(paths)))
    output.parent.mkdir(parents=True, exist_ok=True)
    np.save(output, np.concatenate([result for result in results if not isinstance(result, str)]))
    return [result for result in results if isinstance(result, str)]


def _log_mel(path: Path) -> np.ndarray | str:
    try:
        return LogMel()(files.read(path)).astype(np.float16)
    except files.AudioFileError as error:
        return str(error)


class Sequences(Dataset[Tensor]):
    """Stretches of `length` frames from a random place in the packed voices, cut anew each epoch."""

    def __init__(self, packs: list[Path], length: int) -> None:
        self._packs = [np.load(path, mmap_mode="r") for path in packs]
        self._length = length
        self._starts = [(p, i) for p, pack in enumerate(self._packs) for i in range(0, len(pack) - 2 * length, length)]

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Tensor:
        """(length, 80) float32 dB."""
        pack, start = self._starts[index]
        start += int(torch.randint(self._length, ()))
        return torch.from_numpy(self._packs[pack][start : start + self._length].astype(np.float32))

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (80,) of each band, dB."""
        sample = np.concatenate([pack[::10] for pack in self._packs]).astype(np.float32)
        return torch.from_numpy(sample.mean(0)), torch.from_numpy(sample.std(0))
