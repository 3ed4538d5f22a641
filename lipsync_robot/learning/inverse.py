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
    epochs: int = 150
    learning_rate: float = 2e-3
    noise_cm: float = 0.02  # added to the landmarks of each batch, about FaceMesh's own
    held_out: float = 0.2  # share of the babble that is only tested on
    seed: int = 0


class InverseTraining(lightning.LightningModule):
    def __init__(self, config: InverseConfig, motors: int) -> None:
        super().__init__()
        self.config = config
        self.network = Inverse(ROBOT_POINTS, motors, config.units)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        landmarks, commands = batch
        noisy = landmarks + self.config.noise_cm * torch.randn_like(landmarks)
        loss = (self.network(noisy) - commands).square().mean()
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
    held_out = int(len(commands) * config.held_out)
    module = InverseTraining(config, commands.shape[1])
    flat = landmarks[held_out:].flatten(1)
    module.network.mean, module.network.std = flat.mean(0), flat.std(0).clamp(min=LEAST_STD_CM)
    training = DataLoader(TensorDataset(landmarks[held_out:], commands[held_out:]), config.batch, shuffle=True, drop_last=True)
    testing = DataLoader(TensorDataset(landmarks[:held_out], commands[:held_out]), 1024)
    fit.run(module, training, testing, output, config.epochs, "val_mae", patience=40)
    return module.network.eval(), scores(module.network, landmarks, commands, held_out)


def scores(network: Inverse, landmarks: Tensor, commands: Tensor, held_out: int) -> dict[str, float]:
    """Mean absolute errors on the first `held_out` samples, beside the baselines that learn from the others."""
    true, known = commands[:held_out], commands[held_out:]
    with torch.no_grad():
        predicted = network.eval()(landmarks[:held_out])
    nearest = torch.cdist(landmarks[:held_out].flatten(1), landmarks[held_out:].flatten(1)).argmin(1)
    error = (predicted - true).abs()
    return {
        "mae": float(error.mean()),
        "mae_max_motor": float(error.mean(0).max()),
        "nearest_neighbour_mae": float((known[nearest] - true).abs().mean()),
        "random_mae": float((torch.rand_like(true) - true).abs().mean()),
    }
