"""Sound out, each sample at its moment: delayed so that it meets the motion."""

import threading
import time
from typing import Any

import numpy as np

from .mel import SAMPLE_RATE
from .microphone import MicrophoneError, portaudio

REALIGN_S = 0.03  # a timeline further off than this is met by skipping or waiting, once


class Timeline:
    """Samples that wait for their moment. Filled by one thread, emptied by another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begins = 0.0  # s, the moment of the first waiting sample
        self._waiting = np.empty(0, np.int16)

    def add(self, samples: np.ndarray, moment: float) -> None:
        """samples (n,) int16, to be heard from moment (s) on. A jump of the moments starts the line anew there."""
        with self._lock:
            ends = self._begins + len(self._waiting) / SAMPLE_RATE
            if len(self._waiting) == 0 or abs(moment - ends) > REALIGN_S:
                self._begins, self._waiting = moment, samples
            else:
                self._waiting = np.concatenate([self._waiting, samples])

    def take(self, count: int, moment: float) -> np.ndarray:
        """(count,) int16 to be heard from moment (s) on; silence where nothing waits for then."""
        with self._lock:
            out = np.zeros(count, np.int16)
            early = round((self._begins - moment) * SAMPLE_RATE)
            if abs(early) <= REALIGN_S * SAMPLE_RATE and early < count:
                early = 0  # small differences are the sound card's jitter: following them would click
            self._drop(max(0, -early))
            early = max(0, early)
            if early < count:
                piece = self._waiting[: count - early]
                out[early : early + len(piece)] = piece
                self._drop(len(piece))
            return out

    def clear(self) -> None:
        """Nothing waits any more."""
        with self._lock:
            self._waiting = np.empty(0, np.int16)

    def _drop(self, count: int) -> None:
        count = min(count, len(self._waiting))
        self._waiting = self._waiting[count:]
        self._begins += count / SAMPLE_RATE


class Speaker:
    """A loudspeaker where the machine has one; without one, sound passes unheard and nothing else changes."""

    def __init__(self, device: str) -> None:
        """device: PortAudio's name or a part of it, "" for the default."""
        self._timeline = Timeline()
        self._stream: Any = None
        self.silent_because = ""
        try:
            sounddevice = portaudio()
        except MicrophoneError as error:
            self.silent_because = str(error)
            return
        try:
            self._stream = sounddevice.RawOutputStream(
                SAMPLE_RATE, 0, device or None, channels=1, dtype="int16", callback=self._fill
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            self.silent_because = f"no loudspeaker {device or '(default)'!r} ({error})"

    def play(self, samples: np.ndarray, moment: float) -> None:
        """samples (n,) int16, to be heard from moment (s since the epoch) on."""
        if self._stream is not None:
            self._timeline.add(samples, moment)

    def clear(self) -> None:
        """Plays nothing more of what waits; the device's own buffer still empties."""
        self._timeline.clear()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def _fill(self, out: Any, count: int, moments: Any, _: Any) -> None:
        ahead = max(0.0, moments.outputBufferDacTime - moments.currentTime)
        out[:] = self._timeline.take(count, time.time() + ahead).tobytes()
