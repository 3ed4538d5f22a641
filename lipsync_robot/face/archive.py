"""The .npz files that faces are kept in: written, and read with one sentence for whatever is wrong with them."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import BadInputError


def read(path: Path, names: tuple[str, ...], remedy: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz file as float64, those of these names surely among them. Raises BadInputError, with the remedy."""
    try:
        with np.load(path) as data:
            arrays = {name: data[name].astype(float) for name in data.files}
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such file. {remedy}") from None
    except (AttributeError, EOFError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise BadInputError(f"{path}: is no .npz file of numbers. {remedy}") from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise BadInputError(f"{path}: holds no {', '.join(missing)}: it is of another kind, or of an earlier version. {remedy}")
    return arrays


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """What read reads, under this very name: numpy would add a suffix to another. Makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, **{name: array.astype(np.float32) for name, array in arrays.items()})


def layers(arrays: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Those of a network among the arrays of a file: weight (out, in) and bias (out,) of each, as `named` named them."""
    return [(arrays[f"weight{i}"], arrays[f"bias{i}"]) for i in range(sum(name.startswith("weight") for name in arrays))]


def named(network: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
    """weight and bias of each layer -> arrays to write."""
    numbered = list(enumerate(network))
    return {f"weight{i}": weight for i, (weight, _) in numbered} | {f"bias{i}": bias for i, (_, bias) in numbered}
