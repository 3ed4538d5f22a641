"""What an inverse model is made of, as torch modules: networks that guess, the robot's image of itself, both together."""

import numpy as np
import torch
from torch import Tensor, nn

LEAST_DOUBT = 1e-3  # of the range, that any guess is taken to err by


class Forward(nn.Module):
    """Motor commands to robot landmarks: the robot's image of itself. It teaches the inverse model, and runs as
    face.reach.SelfModel."""

    rest: Tensor  # (points, 2) cm, what neutral commands make, to the letter
    neutral: Tensor  # (motors,) in 0..1
    motions: Tensor  # (k, points * 2), the robot's principal motions

    def __init__(self, points: int, motors: int, motions: int, units: int = 64) -> None:
        super().__init__()
        self.register_buffer("rest", torch.zeros(points, 2))
        self.register_buffer("neutral", torch.zeros(motors))
        self.register_buffer("motions", torch.zeros(motions, points * 2))
        self.layers = nn.Sequential(
            nn.Linear(motors, units), nn.Tanh(),
            nn.Linear(units, units), nn.Tanh(),
            nn.Linear(units, motions),
        )  # fmt: skip

    def along(self, commands: Tensor) -> Tensor:
        """commands (batch, motors) in 0..1 -> (batch, k) cm along the motions, from rest."""
        return self.layers(2 * commands - 1) - self.layers(2 * self.neutral - 1)

    def forward(self, commands: Tensor) -> Tensor:
        """commands (batch, motors) in 0..1 -> (batch, points, 2) cm."""
        return self.rest + (self.along(commands) @ self.motions).view(-1, *self.rest.shape)

    def slope(self, commands: Tensor) -> Tensor:
        """commands (batch, motors) in 0..1 -> what each motor does to the face there, (batch, k, motors) cm for its range."""
        layer, slope = 2 * commands - 1, 2 * torch.eye(commands.shape[1], device=commands.device)
        for each in self.layers:
            layer = each(layer)
            slope = each.weight @ slope if isinstance(each, nn.Linear) else (1 - layer.square()).unsqueeze(-1) * slope
        return slope

    def arrays(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """`along` as the layers that SelfModel takes."""
        with torch.no_grad():
            pairs = [(layer.weight.clone(), layer.bias.clone()) for layer in self.layers if isinstance(layer, nn.Linear)]
            first, last = pairs[0], pairs[-1]
            pairs[-1] = last[0], last[1] - self.layers(2 * self.neutral - 1)
            pairs[0] = 2 * first[0], first[1] - first[0].sum(1)
        return [(weight.numpy(), bias.numpy()) for weight, bias in pairs]


class Inverse(nn.Module):
    """The seeds' network. Seed 001, summer report section 4.4: batch norm on the first of three layers.

    The mean of several such networks, which began differently: each makes something else of the noise in what a camera sees.
    """

    mean: Tensor  # (points * 2,) cm
    std: Tensor

    def __init__(self, points: int, motors: int, units: int, networks: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(points * 2))
        self.register_buffer("std", torch.ones(points * 2))
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(points * 2, units), nn.BatchNorm1d(units), nn.ReLU(),
                nn.Linear(units, units), nn.ReLU(),
                nn.Linear(units, motors), nn.Sigmoid(),
            )
            for _ in range(networks)
        )  # fmt: skip

    def each(self, landmarks: Tensor) -> Tensor:
        """landmarks (batch, points, 2) cm -> (networks, batch, motors) in 0..1."""
        standardised = (landmarks.flatten(1) - self.mean) / self.std
        return torch.stack([network(standardised) for network in self.networks])

    def forward(self, landmarks: Tensor) -> Tensor:
        """landmarks (batch, points, 2) cm -> (batch, motors) in 0..1."""
        return self.each(landmarks).mean(0)


class Corrected(nn.Module):
    """The inverse model as it runs: what is guessed of a face, corrected by the robot's image of itself.

    Where the face that is guessed is not the one that was seen, both may err, the guess and the image; by how much they do was
    seen on faces held out. The likeliest commands lie between them: one step of Gauss and Newton's method away from the guess.
    A face that retargeting asks for is weighed alike, though the image made it: to follow that to the letter would have motors
    that do nearly the same to a face work against each other.
    """

    certain: Tensor  # (k, k) 1/cm², the inverse covariance of what the image errs by
    sure: Tensor  # (motors, motors), diagonal, the inverse variances of what the guess errs by

    def __init__(self, guess: nn.Module, image: Forward, landmarks: Tensor, commands: Tensor) -> None:
        """landmarks (n, points, 2) cm and commands (n, motors): faces that neither was trained on."""
        super().__init__()
        self.guess, self.image = guess.eval(), image.eval()
        with torch.no_grad():
            missed = self._seen(landmarks) - image.along(commands)
            spread = missed.T @ missed / len(missed)
            shrunk = len(spread) / len(missed) * spread.diagonal().mean()  # a covariance of few faces is too sure of itself
            self.register_buffer("certain", torch.linalg.inv(spread + shrunk * torch.eye(len(spread))))
            doubt = (guess(landmarks) - commands).square().mean(0).clamp_min(LEAST_DOUBT**2)
            self.register_buffer("sure", torch.diag(1 / doubt))

    def forward(self, landmarks: Tensor) -> Tensor:
        """landmarks (batch, points, 2) cm -> (batch, motors), hardly ever outside 0..1. NaN passes, for the guard to refuse."""
        guess = self.guess(landmarks)
        slope, missed = self.image.slope(guess), self._seen(landmarks) - self.image.along(guess)
        pull = slope.transpose(1, 2) @ self.certain
        return guess + (torch.linalg.inv(pull @ slope + self.sure) @ pull @ missed.unsqueeze(-1)).squeeze(-1)

    def _seen(self, landmarks: Tensor) -> Tensor:
        """-> (batch, k) cm along the motions, from rest."""
        return (landmarks - self.image.rest).flatten(1) @ self.image.motions.T
