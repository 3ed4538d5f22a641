"""Speech without faces, for pre-training: log-mel of whole folders of sound, packed into one array a folder, and its phones."""

import multiprocessing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio import files
from ..audio.mel import LogMel
from ..errors import BadInputError
from . import phones
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
    if spoken and not any(words for _, words in jobs):
        raise BadInputError(
            f"{spoken.table}: names no file of {folder}. Its column `file` names them from there, such as "
            f"{paths[0].relative_to(folder)}."
        )
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
    except Exception as error:  # whatever one file does to a decoder: hours of others must not be lost with it
        return f"{path}: {error!r}"
    mel = LogMel()(samples).astype(np.float16)
    return mel, _align(samples, words, len(mel)) if words else np.full(len(mel), phones.UNKNOWN, np.int8)
