"""Speech without faces, for pre-training: log-mel of whole folders of sound, packed into one array a folder, and its phones."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio import files
from ..audio.mel import BANDS, LogMel
from ..errors import BadInputError
from . import phones
from .corpus import SOUND
from .progress import deaf, track
from .written import written


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
    if spoken and not any(words for _, words in jobs):
        raise BadInputError(
            f"{spoken.table}: names no file of {folder}. Its column `file` names them from there, such as "
            f"{paths[0].relative_to(folder)}."
        )
    language, unreadable = spoken.language if spoken else "en", []
    output.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        add = stack.enter_context(_growing(output, np.float16, BANDS))
        add_phones = stack.enter_context(_growing(phones_of(output), np.int8)) if spoken else None
        with deaf():
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(workers, _begin, (language,)))
        for packed in track(pool.imap(_pack, jobs, chunksize=8), f"preparing {folder.name}", len(jobs)):
            if isinstance(packed, str):
                unreadable.append(packed)
                continue
            add(packed[0])
            if add_phones:
                add_phones(packed[1])
        if len(unreadable) == len(paths):
            raise BadInputError(f"{folder}: none of its {len(paths)} sound files can be read.")
    if not spoken:
        phones_of(output).unlink(missing_ok=True)  # of what was packed there before
    return unreadable


@contextmanager
def _growing(path: Path, kind: type, *row: int) -> Iterator[Callable[[np.ndarray], None]]:
    """-> what appends (n, *row) to an array on disk, .npy, that may be larger than memory: whole at the end, or not there."""
    rows = 0

    def head() -> None:  # in it numpy leaves room for the number of rows to grow
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": (rows, *row)}
        np.lib.format.write_array_header_1_0(file, header)

    def add(more: np.ndarray) -> None:
        nonlocal rows
        rows += len(more)
        file.write(more.astype(kind).tobytes())

    with written(path) as partial, partial.open("wb") as file:
        head()
        yield add
        file.seek(0)
        head()


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
    except Exception as error:  # whatever one file does to a decoder: hours of others must not be lost with it
        return f"{path}: {error!r}"
    mel = LogMel()(samples).astype(np.float16)
    return mel, _align(samples, words, len(mel)) if words else np.full(len(mel), phones.UNKNOWN, np.int8)
