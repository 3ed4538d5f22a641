"""Sound cards by PortAudio: which there are, and a stream of one that is taken up again when it has gone away."""

import threading
from collections.abc import Callable
from typing import Any

from ..errors import BadInputError

RETRY_S = 1.0  # between two looks at whether the stream still runs
GOODBYE_S = 2.0  # that a device which hangs may take to be let go
GONE = "its sound card has gone away"


class SoundCardError(BadInputError):
    """There is no such sound card, or it does not do what is needed."""


def portaudio() -> Any:
    """The sounddevice module, whose import needs the PortAudio library. Raises SoundCardError."""
    try:
        import sounddevice
    except OSError as error:
        raise SoundCardError("the PortAudio library is missing. Run: sudo apt-get install libportaudio2") from error
    return sounddevice


def devices() -> tuple[list[str], list[str]]:
    """Names of the microphones and of the loudspeakers there are. Raises SoundCardError."""
    found = portaudio().query_devices()
    microphones = [device["name"] for device in found if device["max_input_channels"] > 0]
    return microphones, [device["name"] for device in found if device["max_output_channels"] > 0]


class KeptStream:
    """A stream that runs until it is closed. One whose device is gone is opened anew, once a second, on a thread of its own."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        """make: takes the sounddevice module, returns a stream of it, not started. Raises SoundCardError, with the reason."""
        self._make = make
        self.failure = ""  # why there is no sound at this moment
        self._stream = self._started()
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="sound card", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        self._closed.set()
        self._keeper.join(GOODBYE_S)
        if not self._keeper.is_alive():
            self._stream.close()

    def _started(self) -> Any:
        sounddevice = portaudio()
        try:
            stream = self._make(sounddevice)
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise SoundCardError(str(error)) from error
        return stream

    def _keep(self) -> None:
        while not self._closed.wait(RETRY_S):
            if not self._stream.closed and self._stream.active:
                continue
            self.failure = self.failure or GONE
            if not self._stream.closed:
                self._stream.close()
            try:
                self._stream = self._started()
                self.failure = ""
            except SoundCardError as error:
                self.failure = f"{GONE} ({error})"
