"""Samples in, faces out, hop by hop: log-mel > APC > audio2landmark. State is carried, nothing is computed twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio.mel import FRAME_RATE, SAMPLE_RATE, LogMel, lookahead_s
from ..inference import MADE_OF, OVER, PROVIDERS, ModelError, Network, light
from ..resources import resource

LARGEST_GAP_S = 0.1  # a longer hole in the sound starts a new utterance


class Face(NamedTuple):
    stamp: float  # s, the moment of the sound that this face belongs to
    points: np.ndarray  # (468, 3) cm, metric face


def apc_of(audio2landmark: Path) -> Path:
    """apc.onnx beside the model, or else the package's."""
    beside = audio2landmark.with_name("apc.onnx")
    return beside if beside.is_file() else resource("models/apc.onnx")


class Audio2Landmark:
    """The speaking half of the robot. Faces come `lookahead_s` after their sound, at 50 Hz."""

    def __init__(self, apc: Path, audio2landmark: Path, static: np.ndarray, providers: tuple[str, ...] = PROVIDERS) -> None:
        """apc, audio2landmark: ONNX models; static (468, 3) cm: the face that speaks, at rest. Raises inference.ModelError."""
        self._network = light((apc, audio2landmark), providers) or Network(audio2landmark, providers)
        whole = MADE_OF in self._network.metadata  # a light one, found beside the other or named itself
        self._apc = None if whole else Network(apc, providers)
        if self._apc and self._apc.metadata.get(OVER) != self._network.metadata.get(OVER):
            raise ModelError(
                f"{audio2landmark}: was trained over another APC than {apc}, and would make no sense of it. Put its own "
                "beside it as apc.onnx, or export both anew from their runs."
            )
        try:
            self.lookahead = int(self._network.metadata["lookahead"])
        except (KeyError, ValueError) as error:
            raise ModelError(f"{audio2landmark}: does not say its look-ahead. Export it anew.") from error
        self._static = static
        self.mouth_gain = 1.0
        self.reset()

    @property
    def lookahead_s(self) -> float:
        """Seconds of sound past a face's moment that it waits for, the half window included."""
        return lookahead_s(self.lookahead)

    @property
    def provider(self) -> str:
        return self._network.provider

    def reset(self) -> None:
        """Starts a new utterance: nothing of the last one is remembered."""
        self._mel = LogMel()
        if self._apc:
            self._apc.reset()
        self._network.reset()
        self._heard = 0  # samples
        self._frames = 0
        self._next_stamp: float | None = None

    def __call__(self, samples: np.ndarray, stamp: float) -> Iterator[Face]:
        """samples (n,) float32 in -1..1 at 16 kHz, the first of them captured at stamp (s) -> the faces now ready."""
        if self._next_stamp is not None and abs(stamp - self._next_stamp) > LARGEST_GAP_S:
            self.reset()
        began = stamp - self._heard / SAMPLE_RATE
        self._heard += len(samples)
        self._next_stamp = stamp + len(samples) / SAMPLE_RATE
        for mel in self._mel(samples):
            displacement = self.step(mel)
            about = self._frames - self.lookahead
            self._frames += 1
            if about >= 0:
                yield Face(began + about / FRAME_RATE, self._static + self.mouth_gain * displacement)

    def displacements(self, mel: np.ndarray) -> np.ndarray:
        """mel (hops, 80) dB of one utterance -> (hops, 468, 3) cm, by the same steps as live."""
        self.reset()
        return np.stack([self.step(frame) for frame in mel])

    def step(self, mel: np.ndarray) -> np.ndarray:
        """mel (80,) dB, the next hop -> displacement (468, 3) cm of the face `lookahead` hops ago."""
        heard = {"mel": mel[None, None]}
        if self._apc:
            heard["features"] = self._apc(**heard)
        return self._network(**heard)[0, 0]
