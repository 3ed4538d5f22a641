"""Training of the expression mapping network, on robot faces made up as people. Seed 001, summer report, section 5."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInputError
from ..face import archive
from ..face.attributes import attributes
from ..face.landmarks import ROBOT_POINTS, robot_landmarks
from ..face.profile import closed_mouth
from . import clips
from .fit import GRADIENT_NORM
from .networks import ExpressionMapping
from .progress import track

CLIPS_A_PERSON = 20  # that their face at rest is looked for in
FEWEST_PEOPLE = 3


@dataclass(frozen=True)
class MappingConfig:
    """config/train/mapping.yaml."""

    units: int = 128
    batch: int = 256
    steps: int = 3000
    learning_rate: float = 1e-3
    spread: float = 1.0  # of the people made up, against those seen
    noise_cm: float = 0.01  # deviation of each point, FaceMesh's jitter
    held_out: float = 0.2  # share of the babble that is only tested on
    seed: int = 0


def people(data: clips.Clips) -> np.ndarray:
    """-> (people, 113, 2) cm, each one's face at rest: in many a clip the mouth is never closed, so not of every clip."""
    theirs: dict[tuple[Path, str], list[clips.Place]] = {}  # two corpora may have a person of the same name
    for place in data.places:
        theirs.setdefault((place.prepared, place.person), []).append(place)
    rests = [[clip.neutral for clip in clips.Clips(places).sample(CLIPS_A_PERSON)] for places in theirs.values()]
    return np.array([robot_landmarks(closed_mouth(np.array(each))) for each in rests]).reshape(-1, ROBOT_POINTS, 2)


def directions(faces: np.ndarray) -> np.ndarray:
    """faces (people, 113, 2) cm at rest -> (11, 226): how the landmarks go with each attribute, from person to person.

    Equation 2 averages the ratio of the differences of two people's landmarks and labels. Where two labels are nearly alike
    that ratio is anything: directions from two halves of 26 people had a mean cosine of 0.13. This is the same average
    weighted by the squared difference of the labels, the slope that fits all pairs best (0.80); over all pairs of people it
    is the slope of the regression over people.
    """
    labels = attributes(faces)
    labels, landmarks = labels - labels.mean(0), (faces - faces.mean(0)).reshape(len(faces), -1)
    return labels.T @ landmarks / np.square(labels).sum(0)[:, None]


def train(
    config: MappingConfig, faces: np.ndarray, babbled: np.ndarray, static: np.ndarray
) -> tuple[ExpressionMapping, dict[str, float]]:
    """faces (people, 113, 2) cm at rest; babbled (n, 113, 2) and static (113, 2) cm of the robot -> the network, and its mean
    error in cm, beside that of leaving the identity on: on babble that was held out, made up as in training.

    Raises BadInputError.
    """
    if len(faces) < FEWEST_PEOPLE:
        raise BadInputError(f"The clips of split train show {len(faces)} people: {FEWEST_PEOPLE} are the fewest to learn from.")
    torch.manual_seed(config.seed)
    rest, robot, people = (torch.from_numpy(array).float() for array in (static, babbled, faces))
    network = ExpressionMapping(rest, torch.from_numpy(directions(faces)).float(), config.units)
    made_up = Population(network.directions, people - rest, config.spread)
    held_out = int(len(robot) * config.held_out)
    test, training = robot[:held_out], robot[held_out:]
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / config.steps))
    for _ in track(range(config.steps), "training"):
        true = training[torch.randint(len(training), (config.batch,))]
        noise = config.noise_cm * torch.randn_like(true)
        loss = (network(true + made_up(config.batch) + noise) - true).square().sum((1, 2)).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        schedule.step()
    network.eval()
    dressed = test + made_up(len(test))
    with torch.no_grad():
        return network, {"error_cm": _error(network(dressed), test), "unmapped_error_cm": _error(dressed, test)}


def at_rest(network: ExpressionMapping, faces: np.ndarray) -> dict[str, float]:
    """faces (people, 113, 2) cm at rest, of people never met -> how far the robot's is from its own rest then, beside how far
    theirs are, cm; nothing where there is nobody."""
    if not len(faces):
        return {}
    theirs = torch.from_numpy(faces).float()
    with torch.no_grad():
        mapped = network(theirs)
    return {
        "strangers_at_rest_cm": _error(mapped, network.static),
        "unmapped_strangers_cm": _error(theirs, network.static),
    }


class Population:
    """Identities as people have them: (n, 113, 2) cm to be put on a robot's face. Equation 3.

    Each person is, as nearly as the directions allow, the robot's face at rest with weights beta; new betas are drawn with
    the mean and the covariance of theirs. Drawn one by one they would add up to three times the variance of people (26 of
    them): attributes go together, so every direction holds a share of the others.
    """

    def __init__(self, directions: Tensor, identities: Tensor, spread: float) -> None:
        """directions (11, 226); identities (people, 113, 2) cm from the robot's face at rest."""
        betas = torch.linalg.lstsq(directions.T, identities.flatten(1).T, driver="gelsd").solution.T
        self._mean, self._directions = betas.mean(0), directions
        self._root = spread * (betas - self._mean) / math.sqrt(len(betas) - 1)  # (people, 11), whose square is the covariance

    def __call__(self, count: int) -> Tensor:
        betas = self._mean + torch.randn(count, len(self._root)) @ self._root
        return (betas @ self._directions).view(count, -1, 2)


def _error(landmarks: Tensor, true: Tensor) -> float:
    return float((landmarks - true).norm(dim=-1).mean())


def save(network: ExpressionMapping, path: Path) -> None:
    """Writes what face.mapping.Mapping reads: batch norm is folded into the layer before it."""
    linear = [layer for layer in network.layers if isinstance(layer, nn.Linear)]
    norms = [layer for layer in network.layers if isinstance(layer, nn.BatchNorm1d)]
    layers = []
    for i, layer in enumerate(linear):
        weight, bias = layer.weight.data, layer.bias.data
        if i < len(norms):
            norm = norms[i]
            assert norm.running_var is not None and norm.running_mean is not None
            scale = norm.weight.data / torch.sqrt(norm.running_var + norm.eps)
            weight, bias = scale[:, None] * weight, scale * (bias - norm.running_mean) + norm.bias.data
        layers.append((weight.numpy(), bias.numpy()))
    kept = {"static": network.static.numpy(), "directions": network.directions.numpy()}
    archive.write(path, kept | archive.named(layers))
