"""What a score has to be held beside: faces that never listen, that only follow loudness, that repeat, and label noise.

A motion is displacement (frames, 468, 3) cm at 25 Hz from the clip's own closed mouth. Motions are asked for clip by clip, so
that a corpus need not fit into memory.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.signal import savgol_filter

from ..face.landmarks import POINTS, aperture
from .clips import LOUD_DB, Clip, Clips, loudness

VIDEO_STEP = 2  # network frames between the 25 Hz frames that are scored
SMOOTH = 5  # hops of 20 ms over which loudness is averaged
WINDOW = 5  # hops that a nearest neighbour is sought by
NEAREST_SAMPLE = 20_000  # training frames among which it is
CLOSED = 0.2  # share of a clip's 95th percentile below which its mouth is closed
JITTER_WINDOW = 5  # frames of the Savitzky-Golay smoothing, of order 2, whose residual is jitter
PASSED = 18 / 35  # of white noise's variance that is left of a series minus its smoothed self
JITTER_SAMPLE = 1000  # clips at most in which it is sought

Data = Clips | list[Clip]
Motions = Callable[[int], np.ndarray]  # the number of a clip of some Data -> the motion that goes with it
Listener = Callable[[Clip], np.ndarray]  # hears a clip -> its motion


def truth(clip: Clip) -> np.ndarray:
    """The clip's own motion."""
    return clip.displacement[::VIDEO_STEP]


def static(clip: Clip) -> np.ndarray:
    """A closed mouth."""
    return np.zeros_like(truth(clip))


def random(data: Data) -> Motions:
    """The true motion of another clip, whoever speaks."""
    offsets = np.random.default_rng(0).integers(1, len(data), len(data)).tolist()
    return lambda i: _fitted(truth(data[(i + offsets[i]) % len(data)]), len(truth(data[i])))


def chance(data: Data, persons: list[str], predictions: Motions) -> Motions:
    """The prediction for another clip: of the same person where there is one. What style alone scores."""
    own: dict[str, list[int]] = {}
    for i, person in enumerate(persons):
        own.setdefault(person, []).append(i)
    other = {i: (i + 1) % len(persons) for i in range(len(persons))}
    for clips in own.values():
        if len(clips) > 1:
            other |= dict(zip(clips, clips[1:] + clips[:1], strict=True))
    return lambda i: _fitted(predictions(other[i]), len(truth(data[i])))


def _fitted(motion: np.ndarray, frames: int) -> np.ndarray:
    """Cut to length, or lengthened by going back and forth."""
    return np.pad(motion, ((0, max(0, frames - len(motion))), (0, 0), (0, 0)), mode="reflect")[:frames]


def amplitude(training: Iterable[Clip]) -> Listener:
    """The face that goes with a loudness, by least squares over all hops."""
    gram, moment = np.zeros((2, 2)), np.zeros((2, POINTS * 3))
    for clip in training:
        heard = _loudness(clip)
        gram += heard.T @ heard
        moment += heard.T @ clip.displacement.reshape(len(heard), -1)
    weights = np.linalg.lstsq(gram, moment, rcond=None)[0]
    return lambda clip: (_loudness(clip)[::VIDEO_STEP] @ weights).reshape(-1, POINTS, 3)


def _loudness(clip: Clip) -> np.ndarray:
    """-> (hops, 2): smoothed loudness from 0 for silence to 1, and a one."""
    level = np.clip(1 + loudness(clip.mel) / LOUD_DB, 0, 1)
    padded = np.pad(level, SMOOTH // 2, mode="edge")
    smooth = np.convolve(padded, np.full(SMOOTH, 1 / SMOOTH), mode="valid")
    return np.stack([smooth, np.ones_like(smooth)], axis=1)


def nearest(training: Data) -> Listener:
    """The face of the training frame that sounded most alike."""
    stride = -(-sum(len(clip.mel) for clip in training) // NEAREST_SAMPLE)
    known = np.concatenate([_sound(clip)[::stride].copy() for clip in training])  # a view would keep all of a clip
    faces = np.concatenate([clip.displacement[::stride].copy() for clip in training])
    squares = (known * known).sum(axis=1)
    return lambda clip: faces[np.argmin(squares - 2 * _sound(clip)[::VIDEO_STEP] @ known.T, axis=1)]


def _sound(clip: Clip) -> np.ndarray:
    """-> (hops, 5 * 80): the mel around each hop, every band with mean 0 and deviation 1 over the clip."""
    normal = (clip.mel - clip.mel.mean(axis=0)) / np.maximum(clip.mel.std(axis=0), 1.0)
    padded = np.pad(normal, ((WINDOW // 2, WINDOW // 2), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=0).reshape(len(normal), -1)


def jittered(data: Data) -> Listener | None:
    """The truth with as much jitter added as FaceMesh's own: what a perfect prediction would lose to the labels.

    Jitter is what smoothing (Savitzky-Golay 5/2) takes away where the mouth is closed and nobody speaks, scaled up by what
    such smoothing leaves of white noise. Whole faces of it are drawn, so that points which err together go on doing so. A
    blink in such a moment counts as jitter of the eyes. None where no such moment is found.
    """
    seen = np.concatenate([_jitter(data[i]) for i in range(0, len(data), -(-len(data) // JITTER_SAMPLE))])
    if len(seen) == 0:
        return None
    generator = np.random.default_rng(0)
    return lambda clip: truth(clip) + seen[generator.integers(0, len(seen), len(truth(clip)))]


def _jitter(clip: Clip) -> np.ndarray:
    """-> (n, 468, 3) cm, of the frames whose neighbourhood is closed and silent."""
    motion = truth(clip)
    if len(motion) < JITTER_WINDOW:
        return motion[:0]
    opening = aperture(clip.neutral + motion)
    quiet = (opening < CLOSED * np.percentile(opening, 95)) & ~clip.speech[::VIDEO_STEP]
    still = np.lib.stride_tricks.sliding_window_view(quiet, JITTER_WINDOW).all(axis=1)
    residual = motion - savgol_filter(motion, JITTER_WINDOW, 2, axis=0)
    return residual[JITTER_WINDOW // 2 : -(JITTER_WINDOW // 2)][still] / PASSED**0.5
