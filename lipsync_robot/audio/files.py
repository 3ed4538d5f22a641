"""Any sound file that FFmpeg reads, as 16 kHz mono, a piece at a time: an hour costs no more memory than a second."""

import contextlib
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import av
import av.filter
import numpy as np

from ..errors import BadInputError
from .mel import SAMPLE_RATE

FULL_SCALE = 32768.0  # int16's
RIFF = b"RIFF"  # how a WAV begins
COMPRESSED = (b"ID3", b"OggS", b"fLaC")  # how other files of sound do
PIPE_BYTES = 4096  # that are read at a time
ENDLESS = 1 << 62  # bytes


class AudioFileError(BadInputError):
    """The file is missing, holds no sound, or cannot be decoded."""


class Resampler:
    """Frames of sound as FFmpeg has them -> pieces (n,) float32 in -1..1 at 16 kHz, all channels mixed to one.

    They may change their rate and layout in mid-stream. After them comes None, for what it still holds. One frame is asked for
    where one went in: av.AudioResampler asks until there is none, and what PyAV raises then it does not free before 17.1:
    100 bytes a frame, 15 MB in an hour of speech.
    """

    def __init__(self) -> None:
        self._graph: av.filter.Graph | None = None
        self._layout: tuple | None = None

    def __call__(self, frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
        layout = None if frame is None else (frame.sample_rate, frame.layout.name, frame.format.name)
        if layout != self._layout:
            if self._graph is not None:
                self._graph.push(None)
                with contextlib.suppress(av.EOFError):
                    while True:
                        yield _samples(self._graph.pull())
            self._graph = None if frame is None else _to_mono(frame)
            self._layout = layout
        if frame is not None and self._graph is not None:
            self._graph.push(frame)
            with contextlib.suppress(av.BlockingIOError):
                yield _samples(self._graph.pull())


def duration_s(path: Path) -> float | None:
    """Length as the container states it, in seconds; None where it does not say. Raises AudioFileError."""
    with _open(path) as container:
        stream = container.streams.audio[0]
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        return container.duration / av.time_base if container.duration else None


def decode(path: Path) -> Iterator[np.ndarray]:
    """Pieces (n,) float32 in -1..1 at 16 kHz, all channels mixed to one. Raises AudioFileError, with the reason."""
    resample, empty = Resampler(), True
    with _open(path) as container:
        try:
            for frame in itertools.chain(container.decode(audio=0), [None]):
                for piece in resample(frame):
                    empty = False
                    yield piece
        except av.FFmpegError as error:
            raise AudioFileError(f"{path}: the sound breaks off ({error.strerror}). Re-encode the file.") from error
    if empty:
        raise AudioFileError(f"{path}: its audio track is empty. Give a recording that holds sound.")


def read(path: Path, begin_s: float = 0.0) -> np.ndarray:
    """The file from a moment on, (n,) float32 in -1..1 at 16 kHz mono; silence before its beginning. Raises AudioFileError."""
    samples, begin = np.concatenate(list(decode(path))), round(begin_s * SAMPLE_RATE)
    return np.pad(samples[max(0, begin) :], (max(0, -begin), 0))


def decode_pipe(source: IO[bytes], name: str, rate: int | None = None) -> Iterator[np.ndarray]:
    """The same of a pipe, as it comes: a WAV of 16 bits whatever its length says, or int16 of one channel at rate (Hz).

    source: unbuffered; FFmpeg would wait for more than a second of it. name: how errors call it. Raises AudioFileError.
    """
    waiting = _exactly(source, len(RIFF))
    channels, left = 1, ENDLESS
    if waiting == RIFF:
        rate, channels, left = _wav_header(source, name)
        waiting = b""
    elif rate is None:
        raise AudioFileError(f"{name}: what it writes is no WAV.")
    elif waiting.startswith(COMPRESSED):
        raise AudioFileError(f"{name}: this is a compressed file, not samples. Name it with --file, or let FFmpeg decode it.")
    resample, width = Resampler(), 2 * channels
    while data := source.read(min(PIPE_BYTES, left)):
        waiting, left = waiting + data, left - len(data)
        whole = len(waiting) // width * width
        samples = np.frombuffer(waiting[:whole], "<i2").reshape(-1, channels)
        waiting = waiting[whole:]
        if whole:
            yield from resample(to_frame(samples.mean(1), rate))
    yield from resample(None)


def _wav_header(source: IO[bytes], name: str) -> tuple[int, int, int]:
    """-> Hz, channels, and how many bytes of samples follow."""
    _exactly(source, 8)
    rate = channels = bits = 0
    while len(chunk := _exactly(source, 8)) == 8:
        kind, size = struct.unpack("<4sI", chunk)
        if kind == b"data" and bits == 16 and channels and rate:
            return rate, channels, size or ENDLESS
        content, left = b"", size + size % 2  # chunks are padded to whole words
        while left and (more := _exactly(source, min(left, PIPE_BYTES))):
            content, left = content or more, left - len(more)
        if kind == b"fmt " and len(content) >= 16:
            _, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    raise AudioFileError(f"{name}: this is no WAV of 16-bit samples. Convert it, as with: ffmpeg -i IN -c:a pcm_s16le -f wav -")


def _exactly(source: IO[bytes], count: int) -> bytes:
    """The next bytes; fewer where the pipe has ended."""
    read = b""
    while len(read) < count and (more := source.read(count - len(read))):
        read += more
    return read


def to_frame(samples: np.ndarray, rate: int) -> av.AudioFrame:
    """samples (n,) int16 at rate (Hz), one channel, as FFmpeg has them."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.int16), format="s16", layout="mono")
    frame.sample_rate = rate
    return frame


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "no such file"
        raise AudioFileError(f"{path}: {what}. Give the path of a sound or video file.")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path}: the file is empty (0 bytes). Was the download or the recording cut off?")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise AudioFileError(f"{path}: not a sound file that FFmpeg can read ({error.strerror}).") from error
    if not container.streams.audio:
        container.close()
        raise AudioFileError(f"{path}: there is no sound in it. Give a file with an audio track.")
    return container


def _to_mono(frame: av.AudioFrame) -> av.filter.Graph:
    """What makes 16 kHz mono, int16, of frames like this one."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=frame.time_base
    )
    wanted = graph.add("aformat", f"sample_fmts=s16:channel_layouts=mono:sample_rates={SAMPLE_RATE}")
    sink = graph.add("abuffersink")
    source.link_to(wanted)
    wanted.link_to(sink)
    graph.configure()
    return graph


def _samples(frame: av.AudioFrame) -> np.ndarray:
    return frame.to_ndarray()[0].astype(np.float32) / FULL_SCALE
