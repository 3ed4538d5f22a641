"""What is said, in words, while it is said: a voice is waited for, and decoded as it goes on, by pocketsphinx.

US English; no network, a quarter of a core. Its words are what a robot needs to know that it was spoken to, and by far not all
of those that were said.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..errors import BadInputError
from .mel import SAMPLE_RATE

LANGUAGE = "en-US"
PATIENCE_S = 0.5  # the pause between two words is shorter


class Words(NamedTuple):
    text: str
    final: bool  # nothing of it will be heard otherwise any more
    confidence: float  # 0..1 in each word of a final text, on average, by the decoder's own account; 0 before


class Recogniser:
    """One voice. Blocks of any length in, texts out; the same sound gives the same texts, however it was cut."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        """patience_s: of silence that ends what is said. Raises BadInputError where pocketsphinx is not installed."""
        try:
            import pocketsphinx
        except ModuleNotFoundError as error:
            raise BadInputError(
                "pocketsphinx is not installed. Install the version that requirements-train.txt names"
            ) from error
        self._decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
        self._new_ear = lambda: pocketsphinx.Endpointer(window=patience_s, sample_rate=SAMPLE_RATE)
        self._decoding = False
        self.reset()

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks."""
        return bool(self._ear.in_speech)

    def reset(self) -> None:
        """What was heard so far is void, and no text comes of it."""
        if self._decoding:
            self._decoder.end_utt()
        self._ear, self._waiting = self._new_ear(), b""
        self._decoding, self._text = False, ""

    def __call__(self, samples: np.ndarray) -> Iterator[Words]:
        """samples (n,) int16 at 16 kHz -> each text that is new."""
        self._waiting += samples.astype("<i2").tobytes()
        size = self._ear.frame_bytes
        while len(self._waiting) >= size:
            frame, self._waiting = self._waiting[:size], self._waiting[size:]
            speech = self._ear.process(frame)
            if speech is not None:
                yield from self._decode(speech)

    def _decode(self, speech: bytes) -> Iterator[Words]:
        if not self._decoding:
            self._decoder.start_utt()
            self._decoding, self._text = True, ""
        self._decoder.process_raw(speech)
        over = not self._ear.in_speech
        if over:
            self._decoder.end_utt()
            self._decoding = False
        found = self._decoder.hyp()
        if found is None or not found.hypstr or (found.hypstr == self._text and not over):
            return
        self._text = found.hypstr
        words = len(found.hypstr.split())
        yield Words(self._text, over, min(1.0, max(0.0, found.prob)) ** (1 / words) if over else 0.0)
