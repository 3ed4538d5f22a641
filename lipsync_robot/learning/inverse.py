"""Training of the inverse model on babble data. Seed 001, summer report, section 4."""

from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ..face.landmarks import ROBOT_POINTS
from ..face.retarget import RobotFace
from . import fit
from .babble import Babble
from .networks import Inverse

LEAST_STD_CM = 0.01  # points that hardly move would be all noise once standardised


@dataclass(frozen=True)
class InverseConfig:
    """config/train/inverse.yaml."""

    units: int = 256
    batch: int = 128
    epochs: int = 60
    learning_rate: float = 2e-3
    noise_cm: float = 0.005  # deviation of each point
    offset_cm: float = 0.1  # deviation along each of the robot's motions: humans ask for more than babble shows
    held_out: float = 0.2  # share of the babble that is only tested on, and as much that decides when to stop
    seed: int = 0


class InverseTraining(lightning.LightningModule):
    motions: Tensor  # (k, 226), as RobotFace's

    def __init__(self, config: InverseConfig, motors: int, motions: Tensor) -> None:
        super().__init__()
        self.config = config
        self.network = Inverse(ROBOT_POINTS, motors, config.units)
        self.register_buffer("motions", motions)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        landmarks, commands = batch
        noise = self.config.noise_cm * torch.randn_like(landmarks)
        offset = self.config.offset_cm * torch.randn(len(landmarks), len(self.motions), device=self.device) @ self.motions
        loss = (self.network(landmarks + noise + offset.view_as(landmarks)) - commands).square().mean()
        self.log("train_mse", loss)
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        landmarks, commands = batch
        self.log("val_mae", (self.network(landmarks) - commands).abs().mean(), prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


def train(config: InverseConfig, data: Babble, output: Path) -> tuple[Inverse, dict[str, float]]:
    """-> the network, best on the held-out commands, and its scores there: mean absolute error as a share of the range.

    What lies outside the robot's reach is taken off the landmarks, as retargeting does to what it is asked for.
    """
    lightning.seed_everything(config.seed)
    face = RobotFace.learned(data.landmarks, data.static)
    landmarks = torch.from_numpy(np.array([face.reachable(points) for points in data.landmarks])).float()
    commands = torch.from_numpy(data.commands).float()
    module = InverseTraining(config, commands.shape[1], torch.from_numpy(face.motions).float())
    held_out = int(len(commands) * config.held_out)
    test, validation, training = slice(held_out), slice(held_out, 2 * held_out), slice(2 * held_out, None)
    flat = landmarks[training].flatten(1)
    module.network.mean, module.network.std = flat.mean(0), flat.std(0).clamp(min=LEAST_STD_CM)
    batches = DataLoader(TensorDataset(landmarks[training], commands[training]), config.batch, shuffle=True, drop_last=True)
    check = DataLoader(TensorDataset(landmarks[validation], commands[validation]), 1024)
    fit.run(module, batches, check, output, config.epochs, "val_mae", patience=config.epochs, precision="32-true")
    known = (landmarks[training], commands[training])
    return module.network.eval(), scores(module.network, (landmarks[test], commands[test]), known)


def scores(network: Inverse, test: tuple[Tensor, Tensor], known: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Mean absolute errors on test (landmarks, commands), beside the baselines that look at the known ones."""
    landmarks, true = test
    with torch.no_grad():
        predicted = network.eval()(landmarks)
    nearest = torch.cdist(landmarks.flatten(1), known[0].flatten(1)).argmin(1)
    error = (predicted - true).abs()
    return {
        "mae": float(error.mean()),
        "mae_max_motor": float(error.mean(0).max()),
        "nearest_neighbour_mae": float((known[1][nearest] - true).abs().mean()),
        "random_mae": float((torch.rand_like(true) - true).abs().mean()),
    }
