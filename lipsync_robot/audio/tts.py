"""Text to sound by a program of this machine, heard while it is still being made."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

import numpy as np

from ..errors import BadInputError
from . import files

KNOWN = ("espeak-ng --stdin --stdout", "flite -t {text} -o /dev/stdout")  # tried in order; piper has no voice to begin with
HOW = "such as 'piper --model voice.onnx --output_file -': it reads the text, or takes it as {text}, and writes a WAV"


class SpeechError(BadInputError):
    """There is no program that speaks, or it does not."""


def command(template: str) -> list[str]:
    """template: a program with its arguments, "" for the first of KNOWN that is installed -> its words. Raises SpeechError."""
    for known in [] if template else KNOWN:
        if shutil.which(known.split()[0]):
            return known.split()
    if not template:
        raise SpeechError("there is no program here that speaks a text. Run: sudo apt-get install espeak-ng")
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise SpeechError(f"tts {template!r} is no command ({error}). Give one {HOW}.") from error
    if not words or shutil.which(words[0]) is None:
        raise SpeechError(f"tts {template!r}: no such program. Install it, or give one {HOW}.")
    return words


class Speech:
    """One text, spoken once: pieces (n,) float32 in -1..1 at 16 kHz, as the program makes them. Raises SpeechError."""

    def __init__(self, template: str, text: str) -> None:
        self._template, self._text = template, text.replace("\0", " ")
        if self._text.startswith("-"):  # "-5 degrees" is no option of the program
            self._text = f" {self._text}"
        self._lock = threading.Lock()
        self._closed = False
        self._process: subprocess.Popen | None = None

    def close(self) -> None:
        """Ends the program, from another thread too."""
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)  # and whatever it has started

    def __iter__(self) -> Iterator[np.ndarray]:
        words = command(self._template)
        with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as said:
            text.write(self._text.encode(errors="replace"))
            text.seek(0)
            with self._lock:
                if self._closed:
                    return
                self._process = process = _started([word.replace("{text}", self._text) for word in words], text, said)
            assert process.stdout is not None
            try:
                yield from files.decode_pipe(process.stdout, words[0])
                failed = process.wait() != 0
            except files.AudioFileError:
                if process.wait() == 0:
                    raise
                failed = True  # and says why itself
            finally:
                self.close()
                process.wait()
                process.stdout.close()
            if failed:
                said.seek(0)
                last = (said.read().decode(errors="replace").strip().splitlines() or ["without a word"])[-1]
                raise SpeechError(f"{words[0]} has failed ({last}).")


def _started(words: list[str], text: IO[bytes], said: IO[bytes]) -> subprocess.Popen:
    try:
        return subprocess.Popen(words, bufsize=0, stdin=text, stdout=subprocess.PIPE, stderr=said, start_new_session=True)
    except OSError as error:
        raise SpeechError(f"{words[0]}: cannot be started ({error.strerror}).") from error
