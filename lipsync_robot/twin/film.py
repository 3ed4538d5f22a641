"""Pictures and their sound to an MP4, in step."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np

SOUND_RATE = 48_000  # Hz, of the AAC track: at 16 kHz the coder's first block alone lasts 64 ms


def write(
    path: Path, pictures: Iterable[np.ndarray], frame_rate: int, size: tuple[int, int], sound: np.ndarray, sound_rate: int
) -> None:
    """pictures (h, w, 3) uint8 of size (w, h), frame_rate a second; sound (n,) int16 mono at sound_rate Hz; both begin at 0.

    A film that is not finished is removed.
    """
    partial = path.with_name(f".{path.name}")  # renamed when whole
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as container:
            picture = container.add_stream("libx264", frame_rate, options={"crf": "20", "preset": "veryfast"})
            (picture.width, picture.height), picture.pix_fmt = size, "yuv420p"
            speech = container.add_stream("aac", SOUND_RATE, layout="mono")
            for packet in speech.encode(_audio_frame(sound, sound_rate)):
                container.mux(packet)
            container.mux(speech.encode(None))
            for image in pictures:
                container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(picture.encode(None))
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _audio_frame(sound: np.ndarray, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
    frame.sample_rate = rate
    frame.pts = 0  # without it the coder's own delay of 21 ms stays in the film
    return frame
