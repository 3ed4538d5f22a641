"""Training of audio2landmark on talking-head clips, over a frozen APC. Seed 001, section 2.4 (final: summer report 3.1)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.data import DataLoader, RandomSampler, WeightedRandomSampler

from ..audio.mel import BANDS
from ..errors import BadInputError
from ..face import scores
from ..face.landmarks import CORNER_LEFT, CORNER_RIGHT, LOWER_LIP, POINTS, UPPER_LIP
from . import apc, augment, clips, evaluation, fit, sound
from .networks import APC, Audio2Landmark, Sliced
from .phones import SILENCE, UNKNOWN
from .voices import Sequences

LEAST_STD_CM = 0.01  # of a coordinate, for standardising: stiller ones are FaceMesh's jitter
STILL = 1e-4  # cm^4: below it motions are FaceMesh's jitter, which nothing has to follow
CLOSED, SOFT = 0.22, 0.04  # of how far a mouth opens within a stretch: below it counts as closed, and how sharply
LEAST_OPEN_CM = 0.3  # that a mouth is taken to open at least, by those who never open it
NEARLY_CLOSED_CM = 0.12  # of opening, more than at rest
TYPICAL = 1000  # clips at most that the face at rest and the principal motions are taken from
VALIDATED = 300  # clips at most, from all over, that an epoch is scored on: those of a large corpus would take hours


@dataclass(frozen=True)
class Audio2LandmarkConfig:
    """config/train/audio2landmark.yaml. corpora: folders with splits.tsv (speaker, clip, split) or clips.tsv (clip, person,
    split, picture_leads_ms), or with neither; prepared: where `lipsync-robot data prepare` put each, in the same order."""

    corpora: list[str]
    prepared: list[str]
    network: Literal["streaming", "sliced"] = "streaming"  # sliced: the seeds', for comparison
    hears: Literal["apc+mel", "apc", "mel"] = "apc+mel"
    compress: Literal["luong", "last", "mean", "max", "sum"] = "luong"  # of a slice
    heads: int = 0  # of attention over the whole utterance, sliced only
    standardised: bool = False  # displacements, sliced only: seed 001, appendix C
    lookahead: int = 2  # log-mel frames: 60 ms with the half window
    units: int = 256
    layers: int = 2
    motions: int = 32  # principal motions of the face
    dropout: float = 0.4
    lips_weight: float = 4.0  # of the lips' and jaw's squared error against the rest of the face
    aperture_weight: float = 1.0  # of the squared error of the mouth opening
    closure_weight: float = 1.5  # of what a nearly closed mouth counts more than an open one
    closed_weight: float = 0.2  # of the cross-entropy of whether the mouth is closed; 0: that is not told
    following_weight: float = 0.2  # of what opening and width lack to follow the true ones, whatever their size
    recorded: float = 0.3  # share of a batch that is heard as it was recorded, not in another throat and room
    silence: float = 0.1  # share of a batch in which nobody speaks
    person_power: float = 0.3  # a person with n hops counts as n to this power
    voices: list[str] = field(default_factory=list)  # packed voices whose phones are known and whose faces are not
    voices_batch: int = 24
    phones_weight: float = 0.3  # of the cross-entropy of the phone said, where voices are given
    length: int = 150  # hops a stretch
    batch: int = 32
    epochs: int = 30
    draws: int = 960  # stretches an epoch
    learning_rate: float = 1.5e-3
    seed: int = 0


class Audio2LandmarkTraining(lightning.LightningModule):
    point_weights: Tensor  # (468,)

    def __init__(self, config: Audio2LandmarkConfig, representation: APC, validation: Iterable[clips.Clip] = ()) -> None:
        super().__init__()
        self.config = config
        self.representation = representation.requires_grad_(False).eval()
        heard = {"apc": representation.gru.hidden_size, "mel": BANDS}
        width = sum(heard[part] for part in config.hears.split("+"))
        self.network: Audio2Landmark | Sliced
        if config.network == "streaming":
            closes = config.closed_weight > 0
            self.network = Audio2Landmark(width, config.units, config.layers, config.motions, config.dropout, closes)
        else:
            self.network = Sliced(width, config.compress, config.heads, config.units, config.dropout)
        self._validation = validation
        self.static = torch.zeros(POINTS, 3)  # cm, the mean closed mouth of the people trained on
        weights = torch.ones(POINTS)
        weights[scores.LIPS_AND_JAW] = config.lips_weight
        self.register_buffer("point_weights", weights / weights.mean())

    def hear(self, mel: Tensor) -> Tensor:
        """mel (batch, time, 80) dB -> what the network listens to (batch, time, heard)."""
        normal = self.representation.normalise(mel)
        if self.config.hears == "mel":
            return normal
        with torch.no_grad():
            features, _ = self.representation(mel)
        return features if self.config.hears == "apc" else torch.cat([features, normal], dim=-1)

    def forward(self, mel: Tensor) -> Tensor:
        """mel (batch, time, 80) dB -> (batch, time, 468, 3) cm."""
        return self.network(self.hear(mel))[0]

    def told(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """mel (batch, time, 80) dB -> what is learned: displacement (batch, time, 468, 3) cm, log-odds of a closed mouth."""
        assert isinstance(self.network, Audio2Landmark)
        return self.network.told(self.network.listen(self.hear(mel))[0])

    def predict(self, mel: np.ndarray) -> np.ndarray:
        """mel (hops, 80) dB of one utterance -> (hops, 468, 3) cm, `lookahead` hops late."""
        with torch.no_grad():
            return self(torch.from_numpy(mel)[None].to(self.device))[0].float().cpu().numpy()

    def training_step(self, batch: dict[str, list[Tensor]], _: int) -> Tensor:
        mel, face, weight = batch["faces"]
        silent, recorded = (
            torch.rand(len(mel), 1, 1, device=mel.device) < share for share in (self.config.silence, self.config.recorded)
        )
        mel = torch.where(silent, augment.stationary_noise(mel), torch.where(recorded, mel, augment.everything(mel)))
        face = face * ~silent[..., None]
        if isinstance(self.network, Sliced):
            loss = self.missed(self(mel), face, weight)
            self.log("train_loss", loss)
            return loss
        heard, phones = mel, mel.new_zeros(())
        if "voices" in batch:
            voices, spoken = batch["voices"]
            heard = torch.cat([mel, augment.everything(voices)])
        understood, _state = self.network.listen(self.hear(heard))
        if "voices" in batch:
            phones = self.config.phones_weight * self._phones_missed(understood, spoken, silent[:, 0, 0])
        predicted, log_odds = self.network.told(understood[: len(mel)])
        loss, doubt = self.missed(predicted, face, weight), self.doubt(log_odds, closed(face), weight)
        self.log_dict({"train_loss": loss, "train_closed": doubt, "train_phones": phones})
        return loss + doubt + phones

    def doubt(self, log_odds: Tensor, shut: Tensor, weight: Tensor) -> Tensor:
        """log_odds of a closed mouth, how far it is shut (0..1), weight (batch, time) -> the weighted cross-entropy."""
        entropy = binary_cross_entropy_with_logits(log_odds.float(), shut, reduction="none")
        return self.config.closed_weight * (entropy * weight).sum() / weight.sum()

    def missed(self, predicted: Tensor, face: Tensor, weight: Tensor) -> Tensor:
        """predicted, face (batch, time, 468, 3) cm, weight (batch, time) -> how far the one is from the other.

        A closure that is missed no listener forgives: they weigh more. How far a mouth moves is a matter of the person, when
        it moves is not: that counts besides.
        """
        predicted = predicted.float()  # of bfloat16, whose steps a small motion would vanish in
        error = predicted - face
        if self.config.standardised and isinstance(self.network, Sliced):
            error = error / self.network.std.view(POINTS, 3)
        points = (error.square().sum(-1) * self.point_weights).mean(-1)
        opening = error[..., UPPER_LIP, 1] - error[..., LOWER_LIP, 1]
        opened = (face[..., UPPER_LIP, 1] - face[..., LOWER_LIP, 1]).clamp_min(0)
        closing = weight * (1 + self.config.closure_weight * torch.exp(-opened / NEARLY_CLOSED_CM))
        squared = ((points + self.config.aperture_weight * opening.square()) * closing).sum() / closing.sum()
        return squared + self.config.following_weight * astray(predicted, face, weight)

    def _phones_missed(self, understood: Tensor, spoken: Tensor, silent: Tensor) -> Tensor:
        """understood (faces + voices, time, units), spoken (voices, time) phones, silent (faces,) -> cross-entropy.

        Faces whose sound was taken away say silence; what the others say is not known.
        """
        assert isinstance(self.network, Audio2Landmark)
        faces = torch.where(silent, SILENCE, UNKNOWN)[:, None].expand(-1, spoken.shape[1])
        late = self.config.lookahead
        said = torch.cat([faces, spoken])[:, : spoken.shape[1] - late].flatten()
        if (said == UNKNOWN).all():
            return understood.new_zeros(())
        told = self.network.phones(understood[:, late:]).flatten(0, 1)
        return cross_entropy(told, said, ignore_index=UNKNOWN, label_smoothing=0.05)

    def validation_step(self, batch: Tensor, _: int) -> None:
        """Scores over all validation clips at once; the loader only calls for it."""
        figures = evaluation.evaluate(self.predict, self._validation, self.config.lookahead)
        self.log_dict({f"val_{name}": value for name, value in figures.items()}, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


def closed(face: Tensor) -> Tensor:
    """face (batch, time, 468, 3) cm -> how far the mouth counts as closed (batch, time), 0..1."""
    opened = (face[..., UPPER_LIP, 1] - face[..., LOWER_LIP, 1]).clamp_min(0)
    high = opened.quantile(0.95, dim=1, keepdim=True).clamp_min(LEAST_OPEN_CM)
    return torch.sigmoid((CLOSED - opened / high) / SOFT)


def astray(predicted: Tensor, face: Tensor, weight: Tensor) -> Tensor:
    """predicted, face (batch, time, 468, 3) cm, weight (batch, time) -> 1 less Pearson's r over time of the mouth's opening,
    and half of that of its width, mean over the batch. A mouth that never moves counts as r = 0."""
    missed = predicted.new_zeros(())
    for share, (one, other), axis in ((1.0, (UPPER_LIP, LOWER_LIP), 1), (0.5, (CORNER_LEFT, CORNER_RIGHT), 0)):
        moved = torch.stack([each[..., one, axis] - each[..., other, axis] for each in (predicted, face)])
        mean = (moved * weight).sum(-1, keepdim=True) / weight.sum(-1, keepdim=True).clamp_min(1)
        a, b = (moved - mean) * weight
        r = (a * b).sum(-1) / (a.square().sum(-1) * b.square().sum(-1) + STILL).sqrt()
        missed = missed + share * (1 - r).mean()
    return missed


def principal_motions(data: clips.Clips, count: int) -> Tensor:
    """(count, 1404) cm: the principal displacements of a sample of the clips' frames, scaled to their deviation."""
    sample = _sample(data)
    _, deviation, motions = np.linalg.svd(sample, full_matrices=False)
    return torch.from_numpy(motions[:count] * (deviation[:count, None] / len(sample) ** 0.5)).float()


def _sample(data: clips.Clips) -> np.ndarray:
    """(at most 6000, 1404) cm, displacements from all over the clips."""
    some = [clip.displacement[::10].copy() for clip in data]  # a view would keep all of it
    sample = np.concatenate(some).reshape(-1, POINTS * 3)
    return sample[np.random.default_rng(0).permutation(len(sample))[:6000]]


def train(config: Audio2LandmarkConfig, apc_run: Path, output: Path, resume: bool, devices: int = 1) -> Audio2LandmarkTraining:
    """Trains over the APC of apc_run on that many devices, keeping checkpoints and network.pt under output -> the best on the
    `val` speakers."""
    if len(config.corpora) != len(config.prepared):
        raise BadInputError(f"{len(config.corpora)} corpora but {len(config.prepared)} prepared folders: give one for each.")
    folders = [(Path(corpus), Path(prepared)) for corpus, prepared in zip(config.corpora, config.prepared, strict=True)]
    training = sum((clips.load_split(*folder, "train") for folder in folders), clips.Clips([]))
    validation = sum((clips.load_split(*folder, split) for folder in folders for split in ("val", "dev")), clips.Clips([]))
    return fitted(config, apc_run, output, training, validation, resume, devices)


def fitted(
    config: Audio2LandmarkConfig,
    apc_run: Path,
    output: Path,
    training: clips.Clips,
    validation: clips.Clips,
    resume: bool,
    devices: int = 1,
) -> Audio2LandmarkTraining:
    """As train, on the clips given."""
    if not len(training) or not len(validation):
        raise BadInputError(f"{', '.join(config.prepared)}: no prepared clip of split train, or none of val or dev.")
    if config.voices and config.network != "streaming":
        raise BadInputError("voices are learned from by the streaming network only: leave them out, or set network: streaming.")
    for pack in map(Path, config.voices):
        if not sound.phones_of(pack).exists():
            raise BadInputError(f"{pack}: its phones are not known. Prepare it with --transcripts, or leave it out of voices.")
    shared = ["batch", "draws", *(["voices_batch"] if config.voices else [])]
    part: dict[str, Any] = {key: fit.share(key, getattr(config, key), devices) for key in shared}
    fit.begin(output, asdict(config), resume)
    lightning.seed_everything(config.seed)
    module = Audio2LandmarkTraining(config, apc.load(apc_run / "network.pt"), validation.sample(VALIDATED))
    typical = training.sample(TYPICAL)
    module.static = torch.from_numpy(np.mean([clip.neutral for clip in typical], axis=0))
    if isinstance(module.network, Audio2Landmark):
        module.network.basis = principal_motions(typical, config.motions)
    else:
        module.network.static = module.static.flatten()
        if config.standardised:
            sample = torch.from_numpy(_sample(typical))
            module.network.mean, module.network.std = sample.mean(0), sample.std(0).clamp_min(LEAST_STD_CM)
    once: DataLoader = DataLoader([0])  # type: ignore[arg-type]
    fit.run(
        module,
        _loaders(replace(config, **part), training),
        once,
        output,
        config.epochs,
        "val_aperture_r",
        mode="max",
        patience=config.epochs,
        resume=resume,
        devices=devices,
    )
    save(module, output)
    return module.eval()


def save(module: Audio2LandmarkTraining, run: Path) -> None:
    """Writes the run's network.pt, which load reads."""
    run.mkdir(parents=True, exist_ok=True)
    saved = {"config": asdict(module.config), "state": module.network.state_dict(), "static": module.static}
    torch.save({**saved, "apc": module.representation.digest()}, run / "network.pt")


def _loaders(config: Audio2LandmarkConfig, training: clips.Clips) -> dict[str, DataLoader]:
    """Batches of faces, and as many of voices."""
    stretches = clips.Stretches(training, config.length, config.lookahead)
    sampler = WeightedRandomSampler(stretches.person_weights(config.person_power), config.draws)
    loaders: dict[str, DataLoader] = {"faces": DataLoader(stretches, config.batch, sampler=sampler, drop_last=True)}
    if config.voices:
        voices = Sequences([Path(pack) for pack in config.voices], config.length)
        drawn = RandomSampler(voices, num_samples=config.draws // config.batch * config.voices_batch)
        loaders["voices"] = DataLoader(voices, config.voices_batch, sampler=drawn, drop_last=True)
    return loaders


def load(run: Path, apc_run: Path) -> Audio2LandmarkTraining:
    """The module of a finished run, from its network.pt, ready for use. Raises BadInputError."""
    saved = fit.saved(run / "network.pt")
    if "static" not in saved:
        raise BadInputError(f"{run}: is no run of `train audio2landmark`.")
    representation = apc.load(apc_run / "network.pt")
    if saved["apc"] != representation.digest():
        raise BadInputError(f"{run}: was not trained over {apc_run}. Name with --apc the run that it was trained over.")
    module = Audio2LandmarkTraining(Audio2LandmarkConfig(**saved["config"]), representation)
    try:
        module.network.load_state_dict(saved["state"])
    except RuntimeError as error:
        raise BadInputError(f"{run}: was trained by another version, whose network is another. Train it anew.") from error
    module.static = saved["static"]
    return module.eval()
