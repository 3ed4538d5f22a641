"""Pre-training of APC on voices without faces. Seed 001, section 2.3: predict the frame `shift` steps ahead, L1.

Where the phones of a voice are known, it also learns to tell them: what a phone is, whoever says it, is what lips follow.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, RandomSampler

from ..errors import BadInputError
from . import augment, fit
from .networks import APC
from .phones import UNKNOWN
from .voices import Sequences

HELD_OUT = 0.03  # share of each pack, its end, that decides which weights are best


@dataclass(frozen=True)
class ApcConfig:
    """config/train/apc.yaml. data: packed voices, as `lipsync-robot data prepare` writes them."""

    data: list[str]
    start: str = ""  # the run whose network to go on from
    units: int = 512
    layers: int = 3
    shift: int = 3  # frames, 20 ms each
    phones_weight: float = 0.0  # of the cross-entropy of the phone said, against the prediction's L1
    phones_late: int = 2  # frames heard past a phone before it must be told
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

    def _losses(self, mel: Tensor, spoken: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
        """mel (batch, time, 80) dB, spoken (batch, time) phones -> L1, cross-entropy, share of phones told, of how many."""
        features, _ = self.network(mel)
        ahead = self.network.normalise(mel[:, self.config.shift :])
        l1 = (self.network.post(features[:, : -self.config.shift]) - ahead).abs().mean()
        late = self.config.phones_late
        told = self.network.phones(features[:, late:]).flatten(0, 1)
        spoken = spoken[:, : spoken.shape[1] - late].flatten()
        known = spoken != UNKNOWN
        if not known.any():
            return l1, l1.new_zeros(()), l1.new_zeros(()), 0
        entropy = cross_entropy(told, spoken, ignore_index=UNKNOWN, label_smoothing=0.05)
        return l1, entropy, (told.argmax(-1) == spoken)[known].float().mean(), int(known.sum())

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        mel, spoken = batch
        l1, entropy, told, _ = self._losses(augment.everything(mel), spoken)
        self.log_dict({"train_l1": l1, "train_phones_told": told})
        return l1 + self.config.phones_weight * entropy

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        mel, spoken = batch
        l1, entropy, told, known = self._losses(mel, spoken)
        last_seen = self.network.normalise(mel)
        repeated = (last_seen[:, self.config.shift :] - last_seen[:, : -self.config.shift]).abs().mean()
        loss = l1 + self.config.phones_weight * entropy
        self.log_dict({"val_l1": l1, "val_loss": loss}, prog_bar=True, sync_dist=True)
        if known:
            self.log("val_phones_told", told, prog_bar=True, batch_size=known, sync_dist=True)
        self.log("val_l1_repeat_last", repeated, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


def train(config: ApcConfig, output: Path, resume: bool, devices: int = 1) -> APC:
    """Trains on that many devices, keeping checkpoints and network.pt under output -> the network.

    With resume, goes on from the last checkpoint.
    """
    batch = fit.share("batch", config.batch, devices)
    lightning.seed_everything(config.seed)
    packs = [Path(path) for path in config.data]
    data = Sequences(packs, config.length, HELD_OUT)
    held_out = Sequences(packs, config.length, HELD_OUT, from_held_out=True)
    if len(data) < config.batch or not len(held_out):
        raise BadInputError(
            f"The packed voices hold {len(data)} pieces of {config.length} frames to learn from, {len(held_out)} to hold out; "
            f"{config.batch} and 1 are needed. Add voices, or lower length or batch."
        )
    fit.begin(output, asdict(config), resume)
    drawn = RandomSampler(data, num_samples=len(data) // devices)
    loaders = [DataLoader(data, batch, sampler=drawn, drop_last=True), DataLoader(held_out, config.batch)]
    module = ApcTraining(config)
    if config.start:
        module.network = load(Path(config.start) / "network.pt").train()
    else:
        module.network.mean, module.network.std = data.statistics()
    fit.run(module, loaders[0], loaders[1], output, config.epochs, monitor="val_loss", resume=resume, devices=devices)
    torch.save({"config": asdict(config), "state": module.network.state_dict()}, output / "network.pt")
    return module.network


def is_apc(saved: dict[str, Any]) -> bool:
    """Whether what a run saved is an APC: nothing else has a post-net."""
    return "post.weight" in saved.get("state", {})


def load(path: Path) -> APC:
    """The network of a finished run, from its network.pt, ready for use. Raises BadInputError."""
    saved = fit.saved(path)
    if not is_apc(saved):
        raise BadInputError(f"{path}: is no run of `train apc`. Name with --apc the folder of one.")
    network = APC(saved["config"]["units"], saved["config"]["layers"])
    network.load_state_dict(saved["state"])
    return network.eval()
