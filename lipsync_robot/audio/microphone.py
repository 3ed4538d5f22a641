"""Sound from a microphone, with the moments at which it was captured."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .clock import SampleClock
from .mel import HOP, SAMPLE_RATE
from .sound_card import KeptStream, SoundCardError, devices


class Microphone:
    """Records 16 kHz mono in blocks of 20 ms, on PortAudio's own thread, until closed; again once a card that went is back."""

    def __init__(self, device: str, heard: Callable[[np.ndarray, float], None]) -> None:
        """device: PortAudio's name or a part of it, "" for the default; heard: takes (320,) int16 and the moment of the
        first sample in s since the epoch, by `clock`. Raises SoundCardError, naming the devices there are."""
        self.clock = SampleClock(SAMPLE_RATE)
        self.overruns = 0  # times that the card had no room for what was said: some of it is lost

        def captured(block: bytes, count: int, moments: Any, flags: Any) -> None:
            self.overruns += flags.input_overflow
            ago = moments.currentTime - moments.inputBufferAdcTime
            if not 0 < moments.inputBufferAdcTime <= moments.currentTime:  # some drivers do not tell
                ago = HOP / SAMPLE_RATE
            heard(np.frombuffer(block, np.int16), self.clock(count, time.time() - ago))

        def make(sounddevice: Any) -> Any:
            return sounddevice.RawInputStream(SAMPLE_RATE, HOP, device or None, channels=1, dtype="int16", callback=captured)

        try:
            self._stream = KeptStream(make)
        except SoundCardError as error:
            there = ", ".join(devices()[0]) or "none at all"
            raise SoundCardError(
                f"microphone {device or '(default)'!r}: cannot record ({error}). Microphones here: {there}."
            ) from error

    @property
    def failure(self) -> str:
        """Why nothing is heard at this moment."""
        return self._stream.failure

    def close(self) -> None:
        self._stream.close()
