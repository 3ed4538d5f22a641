"""The networks, as torch modules. Each is causal where it runs live: a state goes in and comes out, (layers, batch, units)."""

import torch
from torch import Tensor, nn

from ..audio.mel import BANDS
from ..face.landmarks import POINTS


class APC(nn.Module):
    """Autoregressive predictive coding: a GRU that predicts the log-mel frame some steps ahead. Seed 001, section 2.3.

    The post-net serves pre-training only; the last layer's output is the speech representation.
    """

    mean: Tensor  # (80,) dB
    std: Tensor

    def __init__(self, units: int = 512, layers: int = 3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("std", torch.ones(BANDS))
        self.gru = nn.GRU(BANDS, units, layers, batch_first=True)
        self.post = nn.Linear(units, BANDS)

    def normalise(self, mel: Tensor) -> Tensor:
        """mel (batch, time, 80) dB -> the same, zero mean and unit deviation over the training voices."""
        return (mel - self.mean) / self.std

    def forward(self, mel: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mel (batch, time, 80) dB -> representation (batch, time, units), state (layers, batch, units)."""
        return self.gru(self.normalise(mel), state)


class Audio2Landmark(nn.Module):
    """Speech representation to the displacement of all landmarks from the static face, through a basis of face motions.

    Stands in for seed 001's sliced LSTM with attention: it carries its state, so that a hop costs one step.
    """

    basis: Tensor

    def __init__(self, features: int, units: int, layers: int, motions: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(motions, POINTS * 3))  # cm, the data's principal motions
        self.enter = nn.Sequential(nn.Linear(features + BANDS, units), nn.GELU(), nn.Dropout(dropout))
        self.gru = nn.GRU(units, units, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.leave = nn.Sequential(nn.Dropout(dropout), nn.Linear(units, units), nn.GELU(), nn.Linear(units, motions))

    def forward(self, features: Tensor, mel: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """features (batch, time, features), mel (batch, time, 80) normalised -> (batch, time, 468, 3) cm, state."""
        hidden, state = self.gru(self.enter(torch.cat([features, mel], dim=-1)), state)
        displacement = self.leave(hidden) @ self.basis
        return displacement.unflatten(-1, (POINTS, 3)), state


class Inverse(nn.Module):
    """Robot landmarks to motor commands. Seed 001, summer report section 4.4: batch norm on the first of three layers."""

    mean: Tensor  # (points * 2,) cm
    std: Tensor

    def __init__(self, points: int, motors: int, units: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(points * 2))
        self.register_buffer("std", torch.ones(points * 2))
        self.layers = nn.Sequential(
            nn.Linear(points * 2, units), nn.BatchNorm1d(units), nn.ReLU(),
            nn.Linear(units, units), nn.ReLU(),
            nn.Linear(units, motors), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, landmarks: Tensor) -> Tensor:
        """landmarks (batch, points, 2) cm -> (batch, motors) in 0..1."""
        return self.layers((landmarks.flatten(1) - self.mean) / self.std)
