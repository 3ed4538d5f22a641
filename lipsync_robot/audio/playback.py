"""Sound out, each sample at its moment: delayed so that it meets the motion, and as fast as the card takes it."""

import threading
import time
from typing import Any

import numpy as np

from .clock import SampleClock
from .mel import SAMPLE_RATE
from .sound_card import KeptStream, SoundCardError

REALIGN_S = 0.015  # sound further off its moment than this skips or waits, once
FOLLOW_S = 1.0  # in which sound that is less off is pulled there
MOST_PULL = 1e-3  # of the rate: a sixtieth of a semitone, which nobody hears; two cards differ by a fifth of it
LONGEST_HOLE_S = 1.0  # in the sound, that is silent; after a longer one the line begins anew
MOST_WAITING = 30 * SAMPLE_RATE  # a card that has stopped taking loses what is older

REACH = 8  # samples to either side of a place between two of them that count for its value


class Head:
    """The place in a line of samples that is played next, pulled to where it is due."""

    def __init__(self) -> None:
        self.skips = 0  # times that it jumped there
        self.at: float | None = None  # in samples; None: wherever is due

    def move(self, count: int, due: float) -> np.ndarray:
        """Plays count samples, the first of them due at this place -> (count,) the places they are taken from."""
        if self.at is None or abs(due - self.at) > REALIGN_S * SAMPLE_RATE:
            self.skips += self.at is not None
            self.at = float(round(due))
        pull = (due - self.at) / (FOLLOW_S * SAMPLE_RATE)
        step = 1 + max(-MOST_PULL, min(MOST_PULL, pull))
        places = self.at + step * np.arange(count)
        self.at += step * count
        return places


class Timeline:
    """Samples that wait for their moment. Filled by one thread, emptied by another."""

    def __init__(self) -> None:
        self.gaps = 0  # times that sound came too late to follow what was heard before it
        self.head = Head()
        self._lock = threading.Lock()
        self._line = np.empty(0, np.int16)  # what waits, and a little of what was heard
        self._ends: float | None = None  # s, the moment at which the line ends

    def add(self, samples: np.ndarray, moment: float) -> None:
        """samples (n,) int16, to be heard from moment (s) on. A hole before them is silent; a jump begins the line anew."""
        with self._lock:
            hole = moment - self._ends if self._ends is not None else np.inf
            if not -REALIGN_S <= hole <= LONGEST_HOLE_S:
                self._line, self.head.at = samples, None
            else:
                self.gaps += self.head.at is not None and self.head.at >= len(self._line) + 1 and hole <= REALIGN_S
                silence = np.zeros(round(hole * SAMPLE_RATE) if hole > REALIGN_S else 0, np.int16)
                self._line = np.concatenate([self._line, silence, samples])
            self._ends = moment + len(samples) / SAMPLE_RATE
            self._forget(len(self._line) - MOST_WAITING)

    def take(self, count: int, moment: float) -> np.ndarray:
        """(count,) int16 to be heard from moment (s) on; silence where nothing waits for then."""
        with self._lock:
            if self._ends is None:
                return np.zeros(count, np.int16)
            places = self.head.move(count, len(self._line) + (moment - self._ends) * SAMPLE_RATE)
            out = between(self._line, places)
            self._forget(int(places[-1]) - REACH)
            return out

    def clear(self) -> None:
        """Nothing waits any more."""
        with self._lock:
            self._line, self._ends, self.head.at = np.empty(0, np.int16), None, None

    def _forget(self, count: int) -> None:
        """Drops so many samples from the line's beginning, as far as there are any."""
        count = max(0, min(count, len(self._line)))
        self._line = self._line[count:]
        if self.head.at is not None:
            self.head.at -= count


def between(samples: np.ndarray, places: np.ndarray) -> np.ndarray:
    """samples (n,) int16, places (m,) in samples -> (m,) int16, the sound there by windowed sinc; silent outside."""
    first = np.floor(places).astype(int)
    around = first[:, None] + np.arange(1 - REACH, REACH + 1)
    inside = (around >= 0) & (around < len(samples))
    if not inside.any():
        return np.zeros(len(places), np.int16)
    values = np.where(inside, samples[np.clip(around, 0, len(samples) - 1)], 0)
    away = places[:, None] - around
    weights = np.sinc(away) * np.cos(np.pi / 2 * away / REACH) ** 2
    heard = (values * weights).sum(axis=1) / weights.sum(axis=1)
    return np.clip(np.rint(heard), -32768, 32767).astype(np.int16)


class Speaker:
    """A loudspeaker where the machine has one; without one, sound passes unheard and nothing else changes."""

    def __init__(self, device: str) -> None:
        """device: PortAudio's name or a part of it, "" for the default."""
        self.clock = SampleClock(SAMPLE_RATE)
        self._timeline, self._starved = Timeline(), 0
        self._stream: KeptStream | None = None
        self.silent_because = ""  # from the beginning

        def make(sounddevice: Any) -> Any:
            return sounddevice.RawOutputStream(SAMPLE_RATE, 0, device or None, channels=1, dtype="int16", callback=self._fill)

        try:
            self._stream = KeptStream(make)
        except SoundCardError as error:
            self.silent_because = f"no loudspeaker {device!r} ({error})" if device else f"no default loudspeaker ({error})"

    @property
    def failure(self) -> str:
        """Why nothing is played at this moment, by a loudspeaker that there was."""
        return self._stream.failure if self._stream else ""

    @property
    def underruns(self) -> int:
        """Times that the card had nothing to play: this computer, or the sound itself, was late."""
        return self._starved + self._timeline.gaps

    @property
    def skips(self) -> int:
        """Times that sound jumped to where it had to be."""
        return self._timeline.head.skips

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

    def _fill(self, out: Any, count: int, moments: Any, flags: Any) -> None:
        self._starved += flags.output_underflow
        ahead = max(0.0, moments.outputBufferDacTime - moments.currentTime)
        out[:] = self._timeline.take(count, self.clock(count, time.time() + ahead)).tobytes()
