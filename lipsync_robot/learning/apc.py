"""Pre-training of APC on voices without faces. Seed 001, section 2.3: predict the frame `shift` steps ahead, L1."""

from dataclasses import asdict, dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader, random_split

from . import augment, fit
from .networks import APC
from .sound import Sequences

HELD_OUT = 0.03  # share of the sequences that decides which weights are best


@dataclass(frozen=True)
class ApcConfig:
    """config/train/apc.yaml. data: packed voices, as `lipsync-robot data prepare` writes them."""

    data: list[str]
    units: int = 512
    layers: int = 3
    shift: int = 3  # frames, 20 ms each
    length: int = 256  # frames a sequence
    batch: int = 64
    epochs: int = 20
    learning_rate: float = 1e-3
    seed: int = 0


class ApcTraining(lightning.LightningModule):
    """Loss is in deviations of a band, so that figures of different data sets compare."""

    def __init__(self, config: ApcConfig) -> None:
        super().__init__()
        self.config = config
        self.network = APC(config.units, config.layers)

    def _loss(self, mel: Tensor) -> Tensor:
        features, _ = self.network(mel[:, : -self.config.shift])
        target = self.network.normalise(mel[:, self.config.shift :])
        return (self.network.post(features) - target).abs().mean()

    def training_step(self, mel: Tensor, _: int) -> Tensor:
        loss = self._loss(augment.microphone(mel))
        self.log("train_l1", loss)
        return loss

    def validation_step(self, mel: Tensor, _: int) -> None:
        self.log("val_l1", self._loss(mel), prog_bar=True)
        last_seen = self.network.normalise(mel)
        self.log("val_l1_repeat_last", (last_seen[:, self.config.shift :] - last_seen[:, : -self.config.shift]).abs().mean())

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


def train(config: ApcConfig, output: Path, resume: bool) -> APC:
    """Trains, keeping checkpoints and network.pt under output; with resume, goes on from the last one -> the network."""
    lightning.seed_everything(config.seed)
    data = Sequences([Path(path) for path in config.data], config.length)
    held_out = max(1, round(HELD_OUT * len(data)))
    split = random_split(data, [len(data) - held_out, held_out], torch.Generator().manual_seed(0))
    loaders = [DataLoader(part, config.batch, shuffle=i == 0, drop_last=i == 0) for i, part in enumerate(split)]
    module = ApcTraining(config)
    module.network.mean, module.network.std = data.statistics()
    fit.run(module, loaders[0], loaders[1], output, config.epochs, monitor="val_l1", resume=resume)
    torch.save({"config": asdict(config), "state": module.network.state_dict()}, output / "network.pt")
    return module.network


def load(path: Path) -> APC:
    """The network of a finished run, from its network.pt, ready for use."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    network = APC(saved["config"]["units"], saved["config"]["layers"])
    network.load_state_dict(saved["state"])
    return network.eval()
