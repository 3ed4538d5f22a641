"""Any sound file that FFmpeg reads, as 16 kHz mono, a piece at a time: an hour costs no more memory than a second."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from ..errors import BadInputError
from .mel import SAMPLE_RATE

FULL_SCALE = 32768.0  # int16's


class AudioFileError(BadInputError):
    """The file is missing, holds no sound, or cannot be decoded."""


def duration_s(path: Path) -> float | None:
    """Length as the container states it, in seconds; None where it does not say. Raises AudioFileError."""
    with _open(path) as container:
        stream = container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return container.duration / av.time_base if container.duration else None


def decode(path: Path) -> Iterator[np.ndarray]:
    """Pieces (n,) float32 in -1..1 at 16 kHz, all channels mixed to one. Raises AudioFileError, with the reason."""
    resampler, layout = _resampler(), None
    empty = True
    with _open(path) as container:
        try:
            for frame in container.decode(audio=0):
                if layout not in (None, (frame.sample_rate, frame.layout.name, frame.format.name)):
                    yield from map(_samples, resampler.resample(None))  # the recording changes in its middle
                    resampler = _resampler()
                layout = (frame.sample_rate, frame.layout.name, frame.format.name)
                for piece in resampler.resample(frame):
                    empty = False
                    yield _samples(piece)
            for piece in resampler.resample(None):
                empty = False
                yield _samples(piece)
        except av.FFmpegError as error:
            raise AudioFileError(f"{path}: the sound breaks off ({error.strerror}). Re-encode the file.") from error
    if empty:
        raise AudioFileError(f"{path}: its audio track is empty. Give a recording that holds sound.")


def read(path: Path) -> np.ndarray:
    """The whole file, (n,) float32 in -1..1 at 16 kHz mono. Raises AudioFileError."""
    return np.concatenate(list(decode(path)))


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise AudioFileError(f"{path}: no such file. Give the path of a sound or video file.")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path}: the file is empty (0 bytes). Was the download or the recording cut off?")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        raise AudioFileError(f"{path}: not a sound file that FFmpeg can read ({error.strerror}).") from error
    if not container.streams.audio:
        container.close()
        raise AudioFileError(f"{path}: there is no sound in it. Give a file with an audio track.")
    return container


def _samples(frame: av.AudioFrame) -> np.ndarray:
    return frame.to_ndarray()[0].astype(np.float32) / FULL_SCALE
