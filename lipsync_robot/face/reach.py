"""How far a face goes: what its motors make of it, and which of all that is nearest to a wish."""

import math
from collections.abc import Sequence

import numpy as np

from .landmarks import REGIONS

USUAL = 98  # percentile of what was seen that counts as reach: further is but jitter

SETTLED_CM = 0.02  # a step of the search is its last if all landmarks together end so near where it aimed: 0.002 cm each
ROUNDS = 10  # of it, at most
SHARES = (1.0, 0.5, 0.25, 0.125)  # of a step, tried in turn: where a face bends, the whole one may lead away
TURNS = 100  # of a round, at most; one or two as a rule
PATIENCE = 3  # turns that may bring no fewer motors that are where they should not be
ROUNDING = 1e-9
ALIKE_CM2 = 1e-6  # what motors that do the same to a face are told apart by: each stays rather where it is
FARTHEST_CM = 1e4  # of what is asked for from beyond, rounding leaves too little

Layers = Sequence[tuple[np.ndarray, np.ndarray]]  # weight (out, in) and bias (out,) of each, tanh between them


def of_regions(landmarks: np.ndarray, static: np.ndarray) -> np.ndarray:
    """landmarks (n, 113, 2), static (113, 2) at rest -> (4,) cm: how far each of REGIONS goes from rest, mean of its points."""
    gone = np.linalg.norm(landmarks - static, axis=-1)
    return np.array([np.percentile(gone[:, rows].mean(1), USUAL) for rows in REGIONS.values()])


class SelfModel:
    """Motor commands to the face they make, as babble has taught it; and back, by the face it can make that is nearest.

    Every face that is answered is one that motors within their range make. The nearest is looked for by Gauss and Newton's
    method, from where the last search ended: for a hop of speech one round, as a rule.
    """

    def __init__(self, layers: Layers, neutral: np.ndarray) -> None:
        """layers: from commands (motors,) in 0..1 to the face (k,) cm along its motions; neutral (motors,): where it starts."""
        *self._hidden, self._last = [(weight.astype(float), bias.astype(float)) for weight, bias in layers]
        self._each = np.eye(len(neutral))  # what each command does to itself
        self._alike = ALIKE_CM2 * self._each
        self._at_rest = (neutral.astype(float), *self._made(neutral.astype(float)))
        self._commands, self._face, self._slope = self._at_rest  # where the last search ended

    def __call__(self, commands: np.ndarray) -> np.ndarray:
        """commands (motors,) in 0..1 -> (k,) cm."""
        return self._made(commands)[0]

    def nearest(self, wish: np.ndarray) -> np.ndarray:
        """wish (k,) cm -> (k,) cm; NaN where the wish is not finite, and then the next search begins at neutral."""
        distance = math.sqrt(wish @ wish)
        if not math.isfinite(distance):
            self._commands, self._face, self._slope = self._at_rest
            return np.full_like(wish, np.nan)
        if distance > FARTHEST_CM:
            wish = wish * (FARTHEST_CM / distance)
        for _ in range(ROUNDS):
            slope, face, before = self._slope, self._face, self._commands
            square, left = slope.T @ slope + self._alike, wish - face
            step = within(square, square @ before + slope.T @ left, before) - before
            for share in SHARES:
                self._commands = before + share * step
                self._face, self._slope = self._made(self._commands)
                if _squared(wish - self._face) <= left @ left + SETTLED_CM**2:
                    break
            else:  # no way leads nearer
                self._commands, self._face, self._slope = before, face, slope
                break
            # 0 if faces moved in proportion to their motors
            if share == 1 and _squared(face + slope @ step - self._face) < SETTLED_CM**2:
                break
        return self._face

    def _made(self, commands: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """-> the face (k,) and what each motor does to it there, (k, motors) cm for its whole range."""
        face, slope = commands, self._each
        for weight, bias in self._hidden:
            face = np.tanh(weight @ face + bias)
            slope = (1 - face * face)[:, None] * (weight @ slope)
        weight, bias = self._last
        return weight @ face + bias, weight @ slope


def _squared(length: np.ndarray) -> float:
    return float(length @ length)


def within(square: np.ndarray, along: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The x (n,) in 0..1 that makes x'square x / 2 - along'x least; square (n, n) positive definite. start (n,): a guess.

    Block principal pivoting (Judice and Pires, 1994): those at an end of their range are held there and the others solved for;
    who would leave is held, who is pulled back let go, all at once while that brings fewer, else one by one, which ends.
    """
    low, high, alone = start <= 0, start >= 1, np.eye(len(start))
    fewest, patience = len(start) + 1, PATIENCE
    for _ in range(TURNS):
        held = low | high
        x = np.linalg.solve(np.where(held[:, None], alone, square), np.where(held, high, along))
        pulled: np.ndarray = along - square @ x
        under, over = x < -ROUNDING, x > 1 + ROUNDING
        back = (low & (pulled > ROUNDING)) | (high & (pulled < -ROUNDING))
        wrong = np.flatnonzero(under | over | back)
        if not len(wrong):
            break
        if len(wrong) < fewest:
            fewest, patience = len(wrong), PATIENCE
        elif patience:
            patience -= 1
        else:
            wrong = wrong[-1:]
        low[wrong], high[wrong] = under[wrong], over[wrong]
    return np.minimum(np.maximum(np.where(held, high, x), 0.0), 1.0)
