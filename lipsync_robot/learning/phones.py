"""Which phone is spoken when: transcripts aligned with their sound, for the speech representation to learn from.

pocketsphinx brings the acoustic model (US English) and its dictionary; words of other languages, and words it does not know,
are spelt in ARPAbet from what espeak-ng says of them, which is near enough to align.
"""

import csv
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pocketsphinx

from ..audio.mel import FRAME_RATE, SAMPLE_RATE
from ..errors import BadInputError

SILENCE, UNKNOWN = 0, -1
PHONES = [
    "SIL", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
]  # fmt: skip
SPHINX_RATE = 100  # frames a second of its alignment
_NUMBER = {phone: i for i, phone in enumerate(PHONES)}

# IPA to the nearest ARPAbet phone, longest first.
_IPA = {
    "tʃ": "CH", "dʒ": "JH", "aɪ": "AY", "aʊ": "AW", "ɔø": "OY", "ɔʏ": "OY", "ɔɪ": "OY", "ɡ": "G", "p": "P", "b": "B", "t": "T",
    "d": "D", "k": "K", "g": "G", "m": "M", "n": "N", "ŋ": "NG", "f": "F", "v": "V", "s": "S", "z": "Z", "ʃ": "SH", "ʒ": "ZH",
    "h": "HH", "ɦ": "HH", "x": "K", "ç": "SH", "ɣ": "G", "χ": "HH", "j": "Y", "ʋ": "V", "w": "W", "l": "L", "r": "R", "ɾ": "R",
    "ʁ": "R", "ɹ": "R", "ɐ": "AH", "a": "AA", "ɑ": "AA", "ə": "AH", "ɛ": "EH", "e": "EY", "i": "IY", "ɪ": "IH", "y": "UW",
    "ʏ": "UH", "o": "OW", "ɔ": "AO", "u": "UW", "ʊ": "UH", "ʉ": "UW", "ø": "ER", "œ": "ER", "æ": "AE", "ʌ": "AH", "ɜ": "ER",
    "θ": "TH", "ð": "DH",
}  # fmt: skip
_IPA_PHONE = re.compile("|".join(_IPA))
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


class Word(NamedTuple):
    spelling: str
    phones: tuple[str, ...] = ()  # ARPAbet without stress; empty: to be looked up


def transcripts(table: Path, folder: str) -> dict[str, list[Word]]:
    """Rows of a table (corpus, file, text[, phones]) whose corpus is folder -> the words of each file, by its name.

    phones: ARPAbet, words split by `|`. Texts with digits are left out: how they were said is not known.
    """
    if not table.is_file():
        raise BadInputError(f"{table}: no such file. --transcripts takes a table of corpus, file, text[, phones].")
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        said = {}
        for line, row in enumerate(rows, 2):
            if len(row) < 3:
                raise BadInputError(f"{table}: line {line} has {len(row)} columns. It needs corpus, file, text[, phones].")
            corpus, name, text, *spelt = row
            words = _WORD.findall(text.lower())
            if corpus != folder or not words or re.search(r"\d", text):
                continue
            groups = [tuple(re.sub(r"[\d_].*", "", p) for p in group.split()) for group in spelt[0].split("|")] if spelt else []
            phones = groups if len(groups) == len(words) else [()] * len(words)
            said[name] = [Word(*pair) for pair in zip(words, phones, strict=True)]
    if not said:
        raise BadInputError(f"{table}: has no row whose corpus is {folder!r}. Its columns are corpus, file, text, phones.")
    return said


class Aligner:
    """One language's words, one recording at a time."""

    def __init__(self, language: str) -> None:
        """language: as espeak-ng names it, such as en, de, nl."""
        self._language = language
        wide = {"beam": 1e-200, "pbeam": 1e-200, "wbeam": 1e-150}  # accents are far from the model: a narrow beam loses them
        self._decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL", bestpath=False, fwdflat=False, dither=True, **wide)

    def __call__(self, samples: np.ndarray, words: list[Word], hops: int) -> np.ndarray:
        """samples (n,) float32 in -1..1 at 16 kHz -> (hops,) int8 at 50 Hz: an index into PHONES, or UNKNOWN."""
        phones = np.full(hops, UNKNOWN, np.int8)
        said = " ".join(self._known(word) for word in words)
        sound = (np.clip(samples, -1, 1) * 32767).astype(np.int16).tobytes()
        try:
            self._decoder.set_align_text(said)  # words first,
            self._hear(sound)
            self._decoder.set_alignment()  # then their phones
            self._hear(sound)
        except RuntimeError:  # what was said is not what is written
            return phones
        for word in self._decoder.get_alignment() or ():
            for phone in word:
                begins, ends = (round(at * FRAME_RATE / SPHINX_RATE) for at in (phone.start, phone.start + phone.duration))
                phones[begins:ends] = _NUMBER.get(phone.name, SILENCE)
        return phones

    def _hear(self, sound: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()

    def _known(self, word: Word) -> str:
        """The word's name in the decoder's dictionary, where it is entered if need be."""
        english = self._language == "en"
        if english and not word.phones and self._decoder.lookup_word(word.spelling):
            return word.spelling
        phones = word.phones or pronunciation(word.spelling, self._language)
        name = "_".join(phones).lower() + "_"
        if self._decoder.lookup_word(name) is None:
            self._decoder.add_word(name, " ".join(phones), True)
        return name


@cache
def pronunciation(word: str, language: str) -> tuple[str, ...]:
    """ARPAbet of a word as espeak-ng says it in that language."""
    if shutil.which("espeak-ng") is None:
        raise BadInputError(f"{word!r} ({language}) is in no dictionary here: install espeak-ng, which says how it is spoken.")
    told = subprocess.run(["espeak-ng", "-q", "--ipa", "-v", language, word], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise BadInputError(f"language {language!r}: {told.stderr.strip() or 'espeak-ng does not know it'}.")
    return tuple(_IPA[found] for found in _IPA_PHONE.findall(told.stdout)) or ("SIL",)


assert SAMPLE_RATE == 16_000, "pocketsphinx's acoustic model hears 16 kHz"
