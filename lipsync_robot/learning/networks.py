"""The networks, as torch modules. Each is causal where it runs live: a state goes in and comes out, (layers, batch, units)."""

import hashlib

import torch
from torch import Tensor, nn

from ..audio.mel import BANDS
from ..face.landmarks import LOWER_LIP, POINTS, UPPER_LIP
from ..vision.expression import INPUT_FRAMES
from .phones import PHONES

STEEP = 3.0  # how sharply a mouth closes around even odds that it is closed, per unit of log-odds
NEVER = -20.0  # log-odds


class APC(nn.Module):
    """Autoregressive predictive coding: a GRU that predicts the log-mel frame some steps ahead. Seed 001, section 2.3.

    The last layer's output is the speech representation. The post-net, and the phones it may learn to tell besides, serve
    training only.
    """

    mean: Tensor  # (80,) dB
    std: Tensor

    def __init__(self, units: int = 512, layers: int = 3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(BANDS))
        self.register_buffer("std", torch.ones(BANDS))
        self.gru = nn.GRU(BANDS, units, layers, batch_first=True)
        self.post = nn.Linear(units, BANDS)
        self.phones = nn.Linear(units, len(PHONES))

    def normalise(self, mel: Tensor) -> Tensor:
        """mel (batch, time, 80) dB -> the same, zero mean and unit deviation over the training voices."""
        return (mel - self.mean) / self.std

    def forward(self, mel: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mel (batch, time, 80) dB -> representation (batch, time, units), state (layers, batch, units)."""
        return self.gru(self.normalise(mel), state)

    def digest(self) -> str:
        """Tells one trained APC from another of the same shape."""
        return hashlib.sha256(next(self.gru.parameters()).detach().cpu().numpy().tobytes()).hexdigest()[:16]


class Audio2Landmark(nn.Module):
    """Speech to the displacement of all landmarks from the static face, through a basis of face motions.

    Stands in for seed 001's sliced LSTM with attention: it carries its state, so that a hop costs one step. It may learn to
    tell phones besides, so that voices without a face keep it from learning one face's voice by heart.

    The least squares of an uncertain closure is a mouth half open. So it may learn to tell besides whether the mouth is closed,
    and closes it where that is more likely than not.
    """

    basis: Tensor

    def __init__(self, heard: int, units: int, layers: int, motions: int, dropout: float, closes: bool = False) -> None:
        """heard: numbers a hop, of whatever it listens to; closes: whether it tells of closed mouths."""
        super().__init__()
        self.closes = closes
        # cm, the data's principal motions, each as large as it usually is
        self.register_buffer("basis", torch.zeros(motions, POINTS * 3))
        self.enter = nn.Sequential(nn.Linear(heard, units), nn.GELU(), nn.Dropout(dropout))
        self.gru = nn.GRU(units, units, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.leave = nn.Sequential(nn.Dropout(dropout), nn.Linear(units, units), nn.GELU(), nn.Linear(units, motions + closes))
        self.phones = nn.Linear(units, len(PHONES))

    def listen(self, heard: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """heard (batch, time, heard) -> what is understood of it (batch, time, units), state."""
        return self.gru(self.enter(heard), state)

    def told(self, understood: Tensor) -> tuple[Tensor, Tensor]:
        """-> displacement (batch, time, 468, 3) cm by least squares, log-odds of a closed mouth (batch, time)."""
        motions, closed = self._motions(understood)
        return self._displacement(motions), closed[..., 0] if self.closes else torch.full_like(motions[..., 0], NEVER)

    def forward(self, heard: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """heard (batch, time, heard) -> displacement (batch, time, 468, 3) cm of a mouth that closes, state."""
        understood, state = self.listen(heard, state)
        motions, closed = self._motions(understood)
        if self.closes:
            opening = _opens(self.basis)
            opens = (motions @ opening[:, None]).clamp_min(0) / opening.square().sum().clamp_min(1e-9)
            motions = motions - torch.sigmoid(STEEP * closed) * opens * opening
        return self._displacement(motions), state

    def _motions(self, understood: Tensor) -> tuple[Tensor, Tensor]:
        """-> how much of each motion (batch, time, motions), log-odds (batch, time, 1), or (batch, time, 0)."""
        motions, closed = self.leave(understood).split([len(self.basis), int(self.closes)], dim=-1)
        return motions, closed

    def _displacement(self, motions: Tensor) -> Tensor:
        return (motions @ self.basis).unflatten(-1, (POINTS, 3))


def _opens(basis: Tensor) -> Tensor:
    """(motions, 1404) cm -> (motions,) cm that each opens the mouth by.

    As motions vary alike and independently, this is also the direction in which a mouth that only opens goes among them.
    """
    lips = basis.unflatten(-1, (POINTS, 3))[:, [UPPER_LIP, LOWER_LIP], 1]
    return lips[:, 0] - lips[:, 1]


class Committee(nn.Module):
    """Audio2landmark networks that hear the same speech, each its part of it, and answer with their mean."""

    def __init__(self, members: list[Audio2Landmark], hear: list[slice]) -> None:
        """hear: which of the numbers heard each member listens to."""
        super().__init__()
        self.members, self.hear = nn.ModuleList(members), hear
        self.layers, self.units = [member.gru.num_layers for member in members], members[0].gru.hidden_size

    def forward(self, heard: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """heard (1, time, heard), state (all members' layers, 1, units) -> displacement (1, time, 468, 3) cm, state."""
        states = state.split(self.layers)
        told = [member(heard[..., part], before) for member, part, before in zip(self.members, self.hear, states, strict=True)]
        faces, after = zip(*told, strict=True)
        return torch.stack(faces).mean(0), torch.cat(after)


SLICE = 25  # hops: half a second, seed 001, section 2.2


class Sliced(nn.Module):
    """The seeds' audio2landmark: half a second of speech, compressed over time, beside the static face, to a displacement.

    Seed 001, section 2.4.1 (pooling, multi-head attention) and summer report 3.1 (bidirectional LSTM, Luong attention). The
    face is the one in the slice's middle, so the look-ahead is SLICE // 2; the state is the slice so far.
    """

    static: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, heard: int, compress: str, heads: int, units: int, dropout: float) -> None:
        """heard: numbers a hop; compress: luong, last (of an LSTM), mean, max or sum; heads: of attention over time, or 0."""
        super().__init__()
        self.register_buffer("static", torch.zeros(POINTS * 3))  # cm
        self.register_buffer("mean", torch.zeros(POINTS * 3))  # cm, of the displacements
        self.register_buffer("std", torch.ones(POINTS * 3))
        self.compress = compress
        recurrent = compress in ("luong", "last")
        self.lstm = nn.LSTM(heard, units, 3, batch_first=True, bidirectional=True, dropout=dropout) if recurrent else None
        width = 2 * units
        self.enter = nn.Identity() if recurrent else nn.Linear(heard, width)
        self.luong = nn.Linear(width, width, bias=False) if compress == "luong" else None
        self.over_time = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True) if heads else None
        self.leave = nn.Sequential(
            nn.Linear(width + POINTS * 3, width), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, POINTS * 3),
        )  # fmt: skip

    def forward(self, heard: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """heard (batch, time, heard) -> displacement (batch, time, 468, 3) cm, state (SLICE - 1, batch, heard)."""
        if state is None:
            state = heard.new_zeros(SLICE - 1, len(heard), heard.shape[-1])
        lasting = torch.cat([state.transpose(0, 1), heard], dim=1)
        slices = lasting.unfold(1, SLICE, 1).transpose(2, 3).flatten(0, 1)
        meaning = self._compressed(slices).unflatten(0, heard.shape[:2])
        if self.over_time is not None:
            meaning = self.over_time(meaning + _positions(meaning))
        static = self.static.expand(*heard.shape[:2], -1)
        displacement = self.leave(torch.cat([meaning, static], dim=-1)) * self.std + self.mean
        return displacement.unflatten(-1, (POINTS, 3)), lasting[:, 1 - SLICE :].transpose(0, 1)

    def _compressed(self, slices: Tensor) -> Tensor:
        """(slices, SLICE, features) -> (slices, width)."""
        if self.lstm is None:
            pooled = {"mean": slices.mean(1), "sum": slices.sum(1), "max": slices.amax(1)}[self.compress]
            return self.enter(pooled)
        hidden, _ = self.lstm(slices)
        if self.luong is None:
            return hidden[:, -1]
        weight = (self.luong(hidden) @ hidden[:, -1:].transpose(1, 2)).softmax(dim=1)  # Luong's general score
        return (weight * hidden).sum(1)


def _positions(like: Tensor) -> Tensor:
    """like (batch, time, width) -> (time, width) sinusoids that say where in the utterance."""
    moment = torch.arange(like.shape[1], device=like.device)[:, None]
    rate = 10_000 ** (-torch.arange(0, like.shape[2], 2, device=like.device) / like.shape[2])
    return torch.cat([(moment * rate).sin(), (moment * rate).cos()], dim=-1)


class ExpressionMapping(nn.Module):
    """A human's landmarks to the robot's, by taking off what makes the face a person's. Seed 001, summer report, section 5.4.

    The seed feeds the network the robot's face at rest besides: of one robot that is a constant, so here it is what the
    human's face is compared with.
    """

    static: Tensor  # (points, 2) cm, the robot's
    directions: Tensor  # (attributes, points * 2)

    def __init__(self, static: Tensor, directions: Tensor, units: int) -> None:
        super().__init__()
        self.register_buffer("static", static)
        self.register_buffer("directions", directions)
        self.layers = nn.Sequential(
            nn.Linear(directions.shape[1], units), nn.BatchNorm1d(units), nn.ReLU(),
            nn.Linear(units, units), nn.BatchNorm1d(units), nn.ReLU(),
            nn.Linear(units, len(directions)),
        )  # fmt: skip

    def forward(self, landmarks: Tensor) -> Tensor:
        """landmarks (batch, points, 2) cm -> the robot's (batch, points, 2) cm: v_in + w d, of equation 4."""
        weights = self.layers((landmarks - self.static).flatten(1))
        return landmarks + (weights @ self.directions).view_as(landmarks)


class Anticipation(nn.Module):
    """How a face has moved from a stable start to how it will go on until its peak. Seed 001, summer report, section 6.1.

    It goes on along where it is and how it came there: the network tells only how far along each, in face motions and in
    proportion to how far it has come. With a few hundred expressions to learn from, one that draws the way itself does worse.
    """

    see: Tensor  # (468 * 3, motions)
    show: Tensor  # (motions, 468 * 3)

    def __init__(self, motions: int, units: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("see", torch.zeros(POINTS * 3, motions))
        self.register_buffer("show", torch.zeros(motions, POINTS * 3))
        self.gains = nn.Sequential(
            nn.Linear(INPUT_FRAMES * motions + 1, units), nn.GELU(), nn.Dropout(dropout), nn.Linear(units, 3)
        )  # fmt: skip

    def ahead(self, moved: Tensor) -> Tensor:
        """moved (batch, INPUT_FRAMES, motions) -> (batch, motions), from the last of them to the peak."""
        now, before, earlier = moved[:, -1], moved[:, -3], moved[:, -5]
        far = now.norm(dim=1, keepdim=True) + 1e-3  # cm
        gains = self.gains(torch.cat([(moved / far[:, None]).flatten(1), far.log()], dim=1))
        ways = torch.stack([now, (now - before) / 2, (before - earlier) / 2], dim=1)
        return (gains[:, None] @ ways)[:, 0]

    def forward(self, displacements: Tensor) -> Tensor:
        """displacements (batch, INPUT_FRAMES, 468, 3) cm from the start -> (batch, 468, 3) cm from the last face."""
        return (self.ahead(displacements.flatten(2) @ self.see) @ self.show).unflatten(-1, (POINTS, 3))
