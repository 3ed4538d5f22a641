"""Packed voices, as sound.prepare writes them, in stretches to learn from."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import BadInputError
from . import augment, phones
from .resampling import sampled
from .sound import phones_of

SAMPLED = 1_000_000  # frames, at the most, that tell what is usual: 320 MB of them


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
        mel = sampled(self._packs[pack], at)
        known = self._phones[pack]
        spoken = np.full(self._length, phones.UNKNOWN) if known is None else known[np.round(at).astype(int)]
        return torch.from_numpy(mel), torch.from_numpy(spoken.astype(np.int64))

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and deviation (80,) of each band, dB."""
        step = max(10, sum(map(len, self._packs)) // SAMPLED)
        sample = np.concatenate([pack[::step] for pack in self._packs]).astype(np.float32)
        mean, deviation = sample.mean(0, dtype=float), sample.std(0, dtype=float)
        return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(deviation.astype(np.float32))
