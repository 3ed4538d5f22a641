"""Sound from a microphone, with the moments at which it was captured."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import BadInputError
from .clock import SampleClock
from .mel import HOP, SAMPLE_RATE


class MicrophoneError(BadInputError):
    """There is no such microphone, or it does not record what is needed."""


class Microphone:
    """Records 16 kHz mono in blocks of 20 ms, on PortAudio's own thread, until closed."""

    def __init__(self, device: str, heard: Callable[[np.ndarray, float], None]) -> None:
        """device: PortAudio's name or a part of it, "" for the default; heard: takes (320,) int16 and the moment of the
        first sample in s since the epoch, by `clock`. Raises MicrophoneError, naming the devices there are."""
        self.clock = SampleClock(SAMPLE_RATE)
        self.overruns = 0  # times that the card had no room for what was said: some of it is lost
        sounddevice = portaudio()

        def captured(block: bytes, count: int, moments: Any, flags: Any) -> None:
            self.overruns += flags.input_overflow
            ago = moments.currentTime - moments.inputBufferAdcTime
            if not 0 < moments.inputBufferAdcTime <= moments.currentTime:  # some drivers do not tell
                ago = HOP / SAMPLE_RATE
            heard(np.frombuffer(block, np.int16), self.clock(count, time.time() - ago))

        try:
            self._stream = sounddevice.RawInputStream(
                SAMPLE_RATE, HOP, device or None, channels=1, dtype="int16", callback=captured
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            there = ", ".join(devices()[0]) or "none at all"
            raise MicrophoneError(
                f"microphone {device or '(default)'!r}: cannot record ({error}). Microphones here: {there}."
            ) from error

    def close(self) -> None:
        self._stream.close()


def portaudio() -> Any:
    """The sounddevice module, whose import needs the PortAudio library. Raises MicrophoneError."""
    try:
        import sounddevice
    except OSError as error:
        raise MicrophoneError("the PortAudio library is missing. Run: sudo apt-get install libportaudio2") from error
    return sounddevice


def devices() -> tuple[list[str], list[str]]:
    """Names of the microphones and of the loudspeakers there are. Raises MicrophoneError."""
    found = portaudio().query_devices()
    microphones = [device["name"] for device in found if device["max_input_channels"] > 0]
    return microphones, [device["name"] for device in found if device["max_output_channels"] > 0]
