"""What the model makes of sound that it was not trained on: other levels, noise, rooms, languages, and no speech at all."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.signal import find_peaks

from ..audio import files
from ..audio.mel import FRAME_RATE, SAMPLE_RATE, LogMel
from ..face.landmarks import CANONICAL, aperture
from . import evaluation
from .baselines import Data
from .clips import LOUD_DB, Clip, loudness, speech_frames
from .corpus import SOUND, layout
from .progress import track

Change = Callable[[np.ndarray], np.ndarray]  # of samples (n,) in -1..1

PROMINENT = 0.15  # of the whole range, by which an opening stands out
SPEECH_OPENING = 95  # percentile of a speaker's opening that counts as wide open


def level(gain_db: float) -> Change:
    return lambda samples: samples * 10 ** (gain_db / 20)


def noise(below_db: float) -> Change:
    """White noise, so far below the speech's own power."""

    def add(samples: np.ndarray) -> np.ndarray:
        loud = np.sqrt(np.mean(np.square(samples))) * 10 ** (-below_db / 20)
        return samples + np.random.default_rng(0).normal(0, loud, len(samples)).astype(np.float32)

    return add


def room(decay_s: float) -> Change:
    """A tail of reverberation that falls by 60 dB in so long, half as strong as the voice itself."""
    length = int(decay_s * SAMPLE_RATE)
    tail = np.random.default_rng(0).normal(size=length) * 10 ** (-3 * np.arange(length) / length)
    tail *= np.sqrt(0.5) / np.linalg.norm(tail)
    tail[0] = 1.0

    def echo(samples: np.ndarray) -> np.ndarray:
        size = len(samples) + length
        return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[: len(samples)].astype(np.float32)

    return echo


CONDITIONS: dict[str, Change] = {
    "as it is": lambda samples: samples,
    "20 dB softer": level(-20),
    "10 dB louder": level(10),
    "noise 20 dB below": noise(20),
    "noise 10 dB below": noise(10),
    "room of 0.5 s": room(0.5),
}


def conditions(predict: evaluation.Predict, corpus: Path, data: Data, lookahead: int) -> dict[str, dict[str, float]]:
    """The figures of the same clips heard in each condition."""
    return {
        name: evaluation.evaluate(
            predict,
            (replace(clip, mel=LogMel()(change(_heard(corpus, clip)))[: len(clip.mel)]) for clip in data),
            lookahead,
        )
        for name, change in track(CONDITIONS.items(), "worse sound", len(CONDITIONS))
    }


def _heard(corpus: Path, clip: Clip) -> np.ndarray:
    """(n,) samples, as long as the clip's log-mel."""
    begin = round(clip.start_s * SAMPLE_RATE)
    length = len(clip.mel) * SAMPLE_RATE // FRAME_RATE
    samples = layout(corpus).heard(clip.name)[begin : begin + length]
    return np.pad(samples, (0, length - len(samples)))


def not_speech(seconds: float = 10.0) -> dict[str, np.ndarray]:
    """Sounds (n,) in -1..1 that no lips make, by name."""
    moments = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    random = np.random.default_rng(0)
    white = random.normal(size=len(moments))
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), len(moments))
    breath = pink * np.clip(np.sin(2 * np.pi * moments / 4), 0, 1)  # in and out every four seconds
    chords = [(220, 277, 330), (196, 247, 294), (175, 220, 262), (165, 208, 247)]
    beat = (moments * 2).astype(int)
    music = sum(
        np.sin(2 * np.pi * np.array([chord[voice] for chord in chords])[beat % 4] * moments) * np.exp(-3 * (moments * 2 % 1))
        for voice in range(3)
    )
    sounds = {"silence": np.zeros_like(moments), "white noise": white, "pink noise": pink, "breath": breath, "music": music}
    return {name: (0.05 * sound / max(1e-9, sound.std())).astype(np.float32) for name, sound in sounds.items()}


def opened(predict: evaluation.Predict, sounds: dict[str, np.ndarray], speech: Path) -> dict[str, float]:
    """Mean opening beyond rest to each sound and to a recording of speech, as share of that recording's wide opening."""
    rest = aperture(CANONICAL.vertices)
    heard = {"speech": files.read(speech), **sounds}
    beyond = {name: aperture(CANONICAL.vertices + predict(LogMel()(samples))) - rest for name, samples in heard.items()}
    wide = np.percentile(beyond["speech"], SPEECH_OPENING)
    return {name: float(opening.mean() / wide) for name, opening in beyond.items()}


def looks_like_speech(predict: evaluation.Predict, folder: Path, lookahead: int, most: int = 40) -> dict[str, float]:
    """How the lips move to voices whose faces nobody knows, over files from all over the folder.

    rate_hz: openings a second of speech, natural at 3 to 7; closed_in_pauses: share of the hops 0.2 s and more inside a pause
    of 0.8 s or more in which the mouth is within a tenth of its wide opening from rest; saturated: share of speech within 2 %
    of the widest.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND)
    rates, paused, saturated = [], [], []
    for path in track(paths[:: max(1, len(paths) // most)][:most], f"hearing {folder.name}"):
        mel = LogMel()(files.read(path))
        padded = np.concatenate([mel, np.repeat(mel[-1:], lookahead, axis=0)])
        opening = aperture(CANONICAL.vertices + predict(padded)[lookahead:])
        rest, wide = aperture(CANONICAL.vertices), np.percentile(opening, SPEECH_OPENING)
        spoken = speech_frames(mel)
        if spoken.sum() < FRAME_RATE // 2 or wide - rest < 1e-3:
            continue
        rates.append(_rate(opening, spoken))
        pauses = _inside_pauses(loudness(mel) > -LOUD_DB)
        paused += ((opening[pauses] - rest) < 0.1 * (wide - rest)).tolist()
        saturated.append(float((opening[spoken] > 0.98 * opening.max()).mean()))
    return {
        "files": len(rates),
        "rate_hz": float(np.median(rates)) if rates else 0.0,
        "closed_in_pauses": float(np.mean(paused)) if paused else float("nan"),
        "saturated": float(np.mean(saturated)) if saturated else 0.0,
    }


def _rate(opening: np.ndarray, spoken: np.ndarray) -> float:
    """Openings (hops,) in speech that stand out of what lies around them, a second of it."""
    peaks, _ = find_peaks(opening, prominence=PROMINENT * np.ptp(opening))
    return spoken[peaks].sum() * FRAME_RATE / spoken.sum()


def _inside_pauses(loud: np.ndarray, shortest: int = 20, margin: int = 10) -> np.ndarray:
    """loud (hops,) bool -> indices of hops in pauses of at least `shortest`, `margin` away from speech."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (~loud).astype(np.int8), [0]]))).reshape(-1, 2)
    inside = [np.arange(begin + margin, end - margin) for begin, end in edges.tolist() if end - begin >= shortest + 2 * margin]
    return np.concatenate([np.empty(0, int), *inside])
