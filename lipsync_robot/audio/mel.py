"""Sound to log-mel frames, streaming: the only file that knows how samples become frames.

Seed 001, section 2.2. Equals librosa's melspectrogram + power_to_db on the same samples (test/audio/test_mel.py).
"""

from fractions import Fraction

import numpy as np


def exact_div(a: int, b: int) -> int:
    """a / b where it is whole; a bad ratio is an import error."""
    quotient = Fraction(a, b)
    assert quotient.denominator == 1, f"{a} / {b} is not whole"
    return quotient.numerator


SAMPLE_RATE = 16_000  # Hz
FRAME_RATE = 50  # log-mel frames a second: two for every 25 Hz video frame
HOP = exact_div(SAMPLE_RATE, FRAME_RATE)  # 320 samples, 20 ms
WINDOW = 2 * HOP  # 640 samples, 40 ms
BANDS, LOWEST_HZ, HIGHEST_HZ = 80, 90.0, 7600.0  # nearly all of speech
POWER_FLOOR = 1e-10  # -100 dB: digital silence


def lookahead_s(frames: int) -> float:
    """Seconds of sound past a frame's own moment that must have been heard when `frames` further frames are awaited."""
    return (frames + 1) * HOP / SAMPLE_RATE


def _mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's mel scale, linear below 1 kHz: librosa's default."""
    linear = hz * 3 / 200
    return np.where(hz < 1000, linear, 15 + np.log(np.maximum(hz, 1000) / 1000) * 27 / np.log(6.4))


def _hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def _filters() -> np.ndarray:
    """(321, 80) triangles of equal area over the bins of a 640-point transform."""
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    low, high = _mel(np.array([LOWEST_HZ, HIGHEST_HZ]))
    edges = _hz(np.linspace(low, high, BANDS + 2))
    widths = np.diff(edges)
    rising = (bins[:, None] - edges[None, :-2]) / widths[:-1]
    falling = (edges[None, 2:] - bins[:, None]) / widths[1:]
    area = 2 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * area).astype(np.float32)


FILTERS = _filters()
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


class LogMel:
    """Carries the half window that the next frame still needs, so any chunking gives the same frames.

    Frame i is centred on sample i * HOP and is ready once sample (i + 1) * HOP has been heard: before the first sample
    there was silence.
    """

    def __init__(self) -> None:
        self._tail = np.zeros(WINDOW - HOP, np.float32)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """samples (n,) float32 in -1..1 -> (k, 80) float32 dB, k = whole hops now available, possibly 0."""
        heard = np.concatenate([self._tail, samples.astype(np.float32, copy=False)])
        k = max(0, (len(heard) - WINDOW) // HOP + 1)
        self._tail = heard[k * HOP :]
        if k == 0:
            return np.empty((0, BANDS), np.float32)
        # WINDOW is two hops. A sliding view takes as long to make as all the rest of a hop.
        hops = heard[: (k + 1) * HOP].reshape(k + 1, HOP)
        windows = np.concatenate([hops[:-1], hops[1:]], axis=1)
        power = np.abs(np.fft.rfft(windows * HANN, axis=-1)) ** 2
        return (10 * np.log10(np.maximum(POWER_FLOOR, power @ FILTERS))).astype(np.float32)
