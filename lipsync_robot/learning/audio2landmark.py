"""Training of audio2landmark on talking-head clips, over a frozen APC. Seed 001, section 2.4 (final: summer report 3.1)."""

from dataclasses import asdict, dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader, WeightedRandomSampler

from ..face import scores
from ..face.landmarks import LOWER_LIP, POINTS, UPPER_LIP
from . import apc, augment, clips, evaluation, fit
from .networks import APC, Audio2Landmark

TYPICAL = 1000  # clips at most that the face at rest and the principal motions are taken from


@dataclass(frozen=True)
class Audio2LandmarkConfig:
    """config/train/audio2landmark.yaml. corpora: folders with splits.tsv (speaker, clip, split) or clips.tsv (clip, person,
    split, picture_leads_ms), or with neither; prepared: where `lipsync-robot data prepare` put each, in the same order."""

    corpora: list[str]
    prepared: list[str]
    lookahead: int = 2  # log-mel frames: 60 ms with the half window
    units: int = 256
    layers: int = 2
    motions: int = 32  # principal motions of the face
    dropout: float = 0.2
    lips_weight: float = 4.0  # of the lips' and jaw's squared error against the rest of the face
    aperture_weight: float = 1.0  # of the squared error of the mouth opening
    silence: float = 0.1  # share of a batch in which nobody speaks
    person_power: float = 0.5
    length: int = 150  # hops a stretch
    batch: int = 32
    epochs: int = 60
    draws: int = 960  # stretches an epoch
    learning_rate: float = 1e-3
    seed: int = 0


class Audio2LandmarkTraining(lightning.LightningModule):
    def __init__(self, config: Audio2LandmarkConfig, representation: APC, validation: clips.Clips) -> None:
        super().__init__()
        self.config = config
        self.representation = representation.requires_grad_(False).eval()
        units = representation.gru.hidden_size
        self.network = Audio2Landmark(units, config.units, config.layers, config.motions, config.dropout)
        self._validation = validation
        self.static = torch.zeros(POINTS, 3)  # cm, the mean closed mouth of the people trained on
        weights = torch.ones(POINTS)
        weights[scores.LIPS_AND_JAW] = config.lips_weight
        self.register_buffer("point_weights", weights / weights.mean())

    def forward(self, mel: Tensor) -> Tensor:
        """mel (batch, time, 80) dB -> (batch, time, 468, 3) cm."""
        with torch.no_grad():
            features, _ = self.representation(mel)
        return self.network(features, self.representation.normalise(mel))[0]

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        mel, face, weight = batch
        mel = augment.microphone(augment.voice(mel))
        silent = torch.rand(len(mel), 1, 1, device=mel.device) < self.config.silence
        mel = torch.where(silent, augment.stationary_noise(mel), mel)
        face = face * ~silent[..., None]
        error = self(mel) - face
        points = (error.square().sum(-1) * self.point_weights).mean(-1)
        opening = (error[..., UPPER_LIP, 1] - error[..., LOWER_LIP, 1]).square()
        loss = ((points + self.config.aperture_weight * opening) * weight).sum() / weight.sum()
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Tensor, _: int) -> None:
        """Scores once over all validation clips; the loader only calls for it."""
        figures = evaluation.evaluate(lambda mel: self(torch.from_numpy(mel)[None].to(self.device))[0].float().cpu().numpy(),
                                      self._validation, self.config.lookahead)  # fmt: skip
        self.log_dict({f"val_{name}": value for name, value in figures.items()})

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


def principal_motions(data: clips.Clips, count: int) -> Tensor:
    """(count, 1404) cm: the principal displacements of a sample of the clips' frames, scaled to their deviation."""
    sample = np.concatenate([clip.displacement[::10] for clip in data]).reshape(-1, POINTS * 3)
    sample = sample[np.random.default_rng(0).permutation(len(sample))[:6000]]
    _, deviation, motions = np.linalg.svd(sample, full_matrices=False)
    return torch.from_numpy(motions[:count] * (deviation[:count, None] / len(sample) ** 0.5)).float()


def train(config: Audio2LandmarkConfig, apc_run: Path, output: Path, resume: bool) -> Audio2LandmarkTraining:
    """Trains over the APC of apc_run, keeping checkpoints and network.pt under output -> the best on the `val` speakers."""
    lightning.seed_everything(config.seed)
    folders = [(Path(corpus), Path(prepared)) for corpus, prepared in zip(config.corpora, config.prepared, strict=True)]
    training = sum((clips.load_split(*folder, "train") for folder in folders), clips.Clips([]))
    validation = sum((clips.load_split(*folder, split) for folder in folders for split in ("val", "dev")), clips.Clips([]))
    typical = training.sample(TYPICAL)
    module = Audio2LandmarkTraining(config, apc.load(apc_run / "network.pt"), validation)
    module.network.basis = principal_motions(typical, config.motions)
    stretches = clips.Stretches(training, config.length, config.lookahead)
    sampler = WeightedRandomSampler(stretches.person_weights(config.person_power), config.draws)
    loader = DataLoader(stretches, config.batch, sampler=sampler, drop_last=True)
    once: DataLoader = DataLoader([0])  # type: ignore[arg-type]
    fit.run(module, loader, once, output, config.epochs, "val_aperture_r_in_speech", mode="max", patience=25, resume=resume)
    module.static = torch.from_numpy(np.mean([clip.neutral for clip in typical], axis=0))
    torch.save({"config": asdict(config), "state": module.network.state_dict(), "static": module.static}, output / "network.pt")
    return module
