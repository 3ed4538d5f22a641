"""Training of the inverse model on babble: robot landmarks to motor commands. Seed 001, summer report, section 4.

What is guessed of a face, by a Gaussian process on the babbled ones, is corrected by the forward model, the robot's image of
itself. That is kept by itself too: retargeting asks for what it can make.

The image, and the seeds' networks (section 4.4), which guess in its place if asked for, learn from every pose of the eyes and
brows combined with every pose of the mouth and jaw, after both were split (section 4.2). What the two parts do is added up, not
cut and pasted: the metric face is aligned by points of both, so each part moves the other's landmarks a little (pasted, a model
for exact landmarks errs by 0.26 of the range on whole faces; added up, by 0.016). What a camera errs by in both poses adds up
too: a guess is better learned from single ones. What a network has not seen, faces that retargeting asks for, the image teaches
it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from ..errors import BadInputError
from ..face.landmarks import ROBOT_POINTS
from ..face.reach import of_regions
from ..face.retarget import RobotFace, principal_motions
from . import fit
from .babble import Babble, Part
from .gaussian_process import GaussianProcess
from .inverse_parts import Corrected, Forward, Inverse

LEAST_STD_CM = 0.01  # points that hardly move would be all noise once standardised
TENTHS = {"test": (0,), "validation": (1,), "train": (2, 3, 4, 5, 6, 7, 8, 9)}  # of each part's poses
PARTS: tuple[Part, ...] = ("upper", "lower", "whole")
FEWEST = 30  # whole faces to learn anything from


@dataclass(frozen=True)
class InverseConfig:
    """config/train/inverse.yaml."""

    guess: Literal["process", "networks"] = "process"
    known: int = 4000  # faces that the process keeps at most; training takes the cube of them
    combined: int = 60_000  # faces, from a million times as many for a thousand poses of each part
    networks: int = 3  # whose mean is the guess; each is trained by itself
    units: int = 256
    batch: int = 256
    epochs: int = 25  # of the networks; the image takes half as many
    learning_rate: float = 3e-3
    offset_cm: float = 0.05  # deviation along each of the robot's motions, of faces that were not babbled
    imagined: float = 1.0  # weight of those: square cm of landmarks against squared shares of the range
    seed: int = 0


class Faces(NamedTuple):
    landmarks: np.ndarray  # (n, 113, 2) cm
    commands: np.ndarray  # (n, motors) in 0..1


class Learned(NamedTuple):
    inverse: Corrected
    face: RobotFace
    known: Faces  # what a nearest neighbour may look them up in: combined, and the whole ones that were learned from
    test: Faces  # whole faces, of which nothing was


class ForwardTraining(lightning.LightningModule):
    def __init__(self, config: InverseConfig, network: Forward) -> None:
        super().__init__()
        self.config, self.network = config, network

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        landmarks, commands = batch
        loss = (self.network(commands) - landmarks).square().mean()
        self.log("train_mse_cm2", loss)
        return loss

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        landmarks, commands = batch
        self.log("val_error_cm", (self.network(commands) - landmarks).norm(dim=-1).mean(), prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


class InverseTraining(lightning.LightningModule):
    def __init__(self, config: InverseConfig, network: Inverse, forward: Forward) -> None:
        super().__init__()
        self.config, self.network = config, network
        self._imagine = forward.requires_grad_(False)

    def training_step(self, batch: list[Tensor], _: int) -> Tensor:
        landmarks, commands = batch
        rest, motions = self._imagine.rest, self._imagine.motions
        along = (landmarks - rest).flatten(1) @ motions.T
        along = along + self.config.offset_cm * torch.randn_like(along)
        asked = rest + (along @ motions).view_as(landmarks)
        babbled = (self.network.each(landmarks) - commands).square().mean()
        tried = self.network.each(asked)
        imagined = (self._imagine(tried.flatten(0, 1)).view(len(tried), *asked.shape) - asked).square().mean()
        self.log_dict({"train_mse": babbled, "train_imagined_cm2": imagined})
        return babbled + self.config.imagined * imagined

    def validation_step(self, batch: list[Tensor], _: int) -> None:
        landmarks, commands = batch
        self.log("val_mae", (self.network(landmarks) - commands).abs().mean(), prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, self.config.learning_rate)


def train(config: InverseConfig, data: Babble, output: Path) -> Learned:
    """-> the inverse model and the robot's face. output: checkpoints and logs. Raises BadInputError for too little babble."""
    lightning.seed_everything(config.seed)
    held = {name: held_in(data, tenths) for name, tenths in TENTHS.items()}
    if len(held["train"]["whole"]) < FEWEST:
        raise BadInputError(f"{len(data.commands)} poses are too few to learn from. Babble some thousands.")
    random = np.random.default_rng(config.seed)
    parts = combined(data, held["train"]["upper"], held["train"]["lower"], config.combined, random)
    whole = random.choice(held["train"]["whole"], config.combined // 2)  # each many times: they tell what the parts do together
    taught = _together(parts, _at(data, whole))
    motions = principal_motions(taught.landmarks, data.static)
    validation, test = (_at(data, held[name]["whole"]) for name in ("validation", "test"))
    batches, check = _loader(taught, config.batch, shuffle=True), _loader(validation, 1024)

    image = Forward(ROBOT_POINTS, len(data.plan.motors), len(motions))
    for kept, array in ((image.rest, data.static), (image.neutral, data.neutral), (image.motions, motions)):
        kept.copy_(torch.from_numpy(array))
    fit.run(ForwardTraining(config, image), batches, check, output / "forward", max(1, config.epochs // 2), "val_error_cm",
            patience=config.epochs, precision="32-true")  # fmt: skip
    face = RobotFace(data.static, motions, of_regions(taught.landmarks, data.static), data.neutral, image.arrays())
    guess: GaussianProcess | Inverse
    if config.guess == "process":
        single = np.concatenate([held["train"][part] for part in PARTS])
        known = random.permutation(single)[: config.known]
        guess = GaussianProcess(*_at(data, known), scored=np.isin(known, held["train"]["whole"]))
    else:
        guess = Inverse(ROBOT_POINTS, len(data.plan.motors), config.units, config.networks)
        flat = torch.from_numpy(taught.landmarks).float().flatten(1)
        guess.mean, guess.std = flat.mean(0), flat.std(0).clamp(min=LEAST_STD_CM)
        fit.run(InverseTraining(config, guess, image), batches, check, output, config.epochs, "val_mae",
                patience=config.epochs, precision="32-true")  # fmt: skip
    looked_up = _together(parts, _at(data, held["train"]["whole"]))
    held_out = (torch.from_numpy(array).float() for array in validation)
    return Learned(Corrected(guess, image, *held_out), face, looked_up, test)


def held_in(data: Babble, tenths: tuple[int, ...]) -> dict[Part, np.ndarray]:
    """-> for each part its poses, as indices, that fall into these tenths of them."""
    poses = {part: data.of(part) for part in PARTS}
    return {part: index[np.isin(np.arange(len(index)) % 10, tenths)] for part, index in poses.items()}


def combined(data: Babble, upper: np.ndarray, lower: np.ndarray, count: int, random: np.random.Generator) -> Faces:
    """upper, lower: indices of poses -> that many faces that make one of each at once, drawn at random."""
    i, j = random.choice(upper, count), random.choice(lower, count)
    is_upper = np.array(data.plan.groups) == "upper"
    landmarks = data.landmarks[i] + data.landmarks[j] - data.static
    return Faces(landmarks, np.where(is_upper, data.commands[i], data.commands[j]))


def _together(*some: Faces) -> Faces:
    return Faces(*(np.concatenate(arrays) for arrays in zip(*some, strict=True)))


def _at(data: Babble, index: np.ndarray) -> Faces:
    return Faces(data.landmarks[index], data.commands[index])


def _loader(faces: Faces, batch: int, shuffle: bool = False) -> DataLoader:
    tensors = TensorDataset(*(torch.from_numpy(array).float() for array in faces))
    return DataLoader(tensors, batch, shuffle=shuffle, drop_last=shuffle)
