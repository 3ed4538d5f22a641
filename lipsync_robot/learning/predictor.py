"""Training of the predictor: from the frames around an expression's onset to the face at its peak. Seed 001, summer 6.1."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import BadInputError
from ..face.landmarks import CANONICAL, POINTS, ROBOT
from ..vision.expression import GRID_HZ, INPUT_FRAMES, LIDS, Frame, Onset, Onsets, Signs
from .expressions import Clip, Expression, Limits, expressions
from .fit import GRADIENT_NORM
from .networks import Anticipation
from .progress import track

FEWEST = 10  # expressions to learn anything from
AFTER = 3  # frames from the acceleration's peak to where it is known, for those that the detector misses
SHIFTS = (-1, 0, 1)  # frames, by which the onset is told early or late
STRETCHES = (0.8, 1.0, 1.25)  # of time
MIRROR = np.linalg.norm((CANONICAL.vertices * (-1, 1, 1))[:, None] - CANONICAL.vertices, axis=-1).argmin(1)


@dataclass(frozen=True)
class PredictorConfig:
    """config/train/predictor.yaml."""

    motions: int = 12  # of the face, that it sees and shows
    units: int = 32
    dropout: float = 0.2
    batch: int = 128
    steps: int = 600
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    amplitude: float = 0.3  # deviation of the logarithm, of how much larger or smaller an expression is made
    jitter_cm: float = 0.09  # deviation of each motion
    others: float = 0.1  # weight of points that a robot has no landmark for, in the motions
    seed: int = 0
    signs: Signs = field(default_factory=Signs)
    limits: Limits = field(default_factory=Limits)


class Examples(NamedTuple):
    moved: np.ndarray  # (n, INPUT_FRAMES, 468, 3) cm from the start
    ahead: np.ndarray  # (n, 468, 3) cm from the last of those to the peak


def mirrored(faces: np.ndarray) -> np.ndarray:
    """faces or displacements (..., 468, 3) cm -> the same of the mirrored face."""
    return faces[..., MIRROR, :] * np.array((-1, 1, 1), faces.dtype)


def train(config: PredictorConfig, clips: list[Clip]) -> Anticipation:
    """-> the network. Raises BadInputError where the clips show too few expressions."""
    torch.manual_seed(config.seed)
    data = examples(config, clips)
    network = Anticipation(config.motions, config.units, config.dropout)
    weight = np.full((POINTS, 3), config.others)
    weight[ROBOT, :2] = 1.0
    weight[LIDS] = 0.0  # nobody foretells a blink
    moves = (np.concatenate([data.moved[:, -1], data.moved[:, -1] + data.ahead]) * weight).reshape(-1, weight.size)
    _, motions = np.linalg.eigh(moves.T @ moves)
    motions = motions[:, : -config.motions - 1 : -1].T  # (motions, 468 * 3), those that the most is done by
    network.see.copy_(torch.from_numpy(motions.T * weight.reshape(-1, 1)))
    network.show.copy_(torch.from_numpy(np.divide(motions, weight.ravel(), where=weight.ravel() > 0, out=0 * motions)))
    moved = torch.from_numpy(data.moved.reshape(len(data.moved), INPUT_FRAMES, -1)).float() @ network.see
    ahead = torch.from_numpy(data.ahead[:, ROBOT, :2]).float()
    show = network.show.unflatten(1, (POINTS, 3))[:, ROBOT, :2]
    _fit(config, network, moved, ahead, show)
    return network.eval()


def _fit(config: PredictorConfig, network: Anticipation, moved: Tensor, ahead: Tensor, show: Tensor) -> None:
    """moved (n, INPUT_FRAMES, motions), ahead (n, 113, 2) cm, show (motions, 113, 2): the mean error of the landmarks, of
    expressions made larger, smaller and noisier."""
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / config.steps))
    for _ in track(range(config.steps), "training"):
        some = torch.randint(len(moved), (config.batch,))
        size = torch.exp(config.amplitude * torch.randn(config.batch, 1, 1))
        seen = moved[some] * size + config.jitter_cm * torch.randn_like(moved[some])
        error = torch.einsum("bk,kpc->bpc", network.ahead(seen), show) - ahead[some] * size
        loss = (error.norm(dim=-1) / size[..., 0]).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        schedule.step()


def examples(config: PredictorConfig, clips: list[Clip]) -> Examples:
    """Each expression at its onset, one frame early and one late, faster and slower, and all of it mirrored."""
    pairs, count = [], 0
    for clip in clips:
        for expression in expressions(clip, config.signs, config.limits)[0]:
            count += 1
            pairs += list(_examples(expression, config.signs))
    if count < FEWEST:
        raise BadInputError(f"The clips show {count} expressions: {FEWEST} are the fewest to learn from.")
    moved, ahead = (np.array(each, np.float32) for each in zip(*pairs, strict=True))
    return Examples(np.concatenate([moved, mirrored(moved)]), np.concatenate([ahead, mirrored(ahead)]))


def _examples(expression: Expression, signs: Signs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    faces, at = expression.before, expression.at
    known, onset = streamed(expression, signs)
    start = onset.start if onset else faces[max(0, at.start + 1 - signs.still_frames) : at.start + 1].mean(0)
    for shift in SHIFTS:
        now = known + shift
        if not at.start < now < at.peak:
            continue
        for stretch in STRETCHES:
            moments = np.clip(now - stretch * np.arange(INPUT_FRAMES)[::-1], 0, now)
            low = np.floor(moments).astype(int)
            share = (moments - low)[:, None, None]
            window = (1 - share) * faces[low] + share * faces[np.minimum(low + 1, now)]
            yield window - start, faces[at.peak] - faces[now]


def streamed(expression: Expression, signs: Signs) -> tuple[int, Onset | None]:
    """-> the frame at which the detector tells it, and what it tells; of one that it misses, the frame at which it might."""
    onsets, at = Onsets(signs), expression.at
    for i, face in enumerate(expression.before[:-1]):
        onset = onsets(Frame(i / GRID_HZ, face))
        if onset is not None and i > at.start:
            return i, onset
    return min(at.onset + AFTER, at.peak - 1), None
