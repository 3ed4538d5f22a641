"""Robot landmarks to motor commands by Gaussian process regression, on the babbled faces themselves.

Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006: equation 2.25 is the answer, 5.12 the answer to a known
face by all the others, which chooses how far faces are alike and how much of them is noise.
"""

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from .progress import track

DIRECTIONS = 150  # of the face's principal ones that are compared, at most
LEAST_CM = 1e-4  # deviation along a direction; less is rounding
WHITENED = 0.6  # exponent of that deviation: at 0 the jaw alone would count, at 1 the camera's noise as much as the jaw
LENGTHS = (1.0, 2.0, 4.0)  # over which faces are alike, in the mean distance between two of them
NOISES = (1e-2, 1e-3, 1e-4)  # variance, beside that of what is to be found


class GaussianProcess(nn.Module):
    """Every known face votes by how like the one that is seen it is; beside this the answer may be linear."""

    mean: Tensor  # (points * 2,) cm
    compare: Tensor  # (points * 2, k) 1/cm, to where the distance of two faces tells how far they are alike
    known: Tensor  # (k, n)
    half_squares: Tensor  # (n,), of their distances from the mean face
    votes: Tensor  # (n, motors)
    linear: Tensor  # (k, motors)
    offset: Tensor  # (motors,)

    def __init__(self, landmarks: np.ndarray, commands: np.ndarray, scored: np.ndarray) -> None:
        """landmarks (n, points, 2) cm, commands (n, motors): the known faces; scored (n,) bool: those to be good at."""
        super().__init__()
        flat = landmarks.reshape(len(landmarks), -1).astype(float)
        mean, offset = flat.mean(0), commands.mean(0)
        _, deviations, directions = np.linalg.svd(flat - mean, full_matrices=False)
        deviations = deviations[:DIRECTIONS] / np.sqrt(len(flat))
        seen = deviations > LEAST_CM
        compare = directions[:DIRECTIONS][seen].T * deviations[seen] ** -WHITENED
        faces = (flat - mean) @ compare
        apart = np.sqrt(2 * np.square(faces).sum(1).mean())
        tried = []
        for length, noise in track(list(itertools.product(LENGTHS, NOISES)), "comparing faces"):
            votes, error = _votes(faces / (length * apart), commands - offset, noise)
            tried.append((np.abs(error[scored]).mean(), length, votes))
        _, length, votes = min(tried, key=lambda each: each[0])
        known = faces / (length * apart)
        arrays = {
            "mean": mean, "compare": compare / (length * apart), "known": known.T,
            "half_squares": np.square(known).sum(1) / 2, "votes": votes,
            "linear": known.T @ votes, "offset": offset + votes.sum(0),
        }  # fmt: skip
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array).float())

    def forward(self, landmarks: Tensor) -> Tensor:
        """landmarks (batch, points, 2) cm -> (batch, motors), about in 0..1."""
        face = (landmarks.flatten(1) - self.mean) @ self.compare
        alike = (face @ self.known - self.half_squares - face.square().sum(1, keepdim=True) / 2).exp()
        return alike @ self.votes + face @ self.linear + self.offset


def _votes(faces: np.ndarray, commands: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """faces (n, k), commands (n, motors) less their mean -> votes (n, motors), and by what the others err of each."""
    products = faces @ faces.T
    half = np.diag(products) / 2
    alike = np.exp(products - half[:, None] - half) + products + 1
    inverse = np.linalg.inv(alike + noise * np.eye(len(faces)))
    votes = inverse @ commands
    return votes, votes / np.diag(inverse)[:, None]
