"""The twin's recorded motion as a film with its sound."""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from .camera import Camera
from .simulation import FaceSimulation

FRAME_RATE = 50  # frames a second: every pose of the speech model is seen
WIDTH, HEIGHT = 640, 480  # pixels
SOUND_RATE = 48_000  # Hz, of the AAC track: at 16 kHz the coder's first block alone lasts 64 ms


def film(
    path: Path,
    moments: np.ndarray,
    positions: np.ndarray,
    sound: np.ndarray,
    sound_rate: int,
    sound_at: float,
    progress: Callable[[float], None],
) -> None:
    """Writes an MP4 that begins with the sound.

    moments (n,) s and positions (n, 11) in 0..1: where the servos were; sound (m,) int16 mono at sound_rate Hz, whose first
    sample was heard at the moment sound_at; progress: called with the share done. A film that is not finished is removed.
    """
    partial = path.with_name(f".{path.name}")  # renamed when whole
    try:
        with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as container:
            picture = container.add_stream("libx264", FRAME_RATE, options={"crf": "20", "preset": "veryfast"})
            picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            speech = container.add_stream("aac", SOUND_RATE, layout="mono")
            for packet in speech.encode(_audio_frame(sound, sound_rate)):
                container.mux(packet)
            container.mux(speech.encode(None))
            duration = len(sound) / sound_rate
            for at, image in pictures(moments, positions, sound_at, duration):
                container.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                progress(at / duration)
            container.mux(picture.encode(None))
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def pictures(moments: np.ndarray, positions: np.ndarray, begin: float, duration: float) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds since `begin` and the picture (480, 640, 3) uint8 then, frame by frame."""
    simulation = FaceSimulation()
    camera = Camera(simulation, WIDTH, HEIGHT)
    try:
        for frame in range(round(duration * FRAME_RATE)):
            at = frame / FRAME_RATE
            simulation.place(np.array([np.interp(begin + at, moments, motor) for motor in positions.T]))
            yield at, camera.picture()
    finally:
        camera.close()


def _audio_frame(sound: np.ndarray, rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
    frame.sample_rate = rate
    frame.pts = 0  # without it the coder's own delay of 21 ms stays in the film
    return frame
