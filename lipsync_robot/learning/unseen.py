"""Poses to score an inverse model on that no training has seen, and those that a nearest neighbour may look them up in."""

import os
import tempfile
from pathlib import Path

import numpy as np

from ..motors.description import Robot
from . import babblers, inverse_scores
from .babble import CHUNK, TURNS, Babble, Chunks, Plan, Source, babble
from .inverse import Faces, InverseConfig, combined
from .inverse_scores import Scores, Solve

SEED = 1_000_003  # of poses that nothing is ever trained on; the next one's may be known to a nearest neighbour
WHOLE = TURNS.index("whole")
KNOWN = 2000  # poses


def scores(robot: Robot, source: Source, inverse: Solve, data: Babble | None, samples: int) -> Scores:
    """Of so many poses of the whole face. data: what the nearest neighbour looks up; None: babbled now."""
    return inverse_scores.scores(inverse, whole_faces(robot, source, samples), known(data or babbled(robot, source)))


def whole_faces(robot: Robot, source: Source, samples: int) -> Faces:
    """The twin with all its motors at random -> so many faces, less those that showed none."""
    poses = range(WHOLE, WHOLE + samples * len(TURNS), len(TURNS))
    wanted = [poses[k : k + CHUNK] for k in range(0, samples, CHUNK)]
    chunks = [(chunk, chunk.parts == "whole") for _, chunk in _twins(robot, source, SEED)(wanted)]
    landmarks = np.concatenate([chunk.landmarks[whole] for chunk, whole in chunks])
    return Faces(landmarks, np.concatenate([chunk.commands[whole] for chunk, whole in chunks]))


def babbled(robot: Robot, source: Source) -> Babble:
    """A babble of KNOWN poses, made now."""
    with tempfile.TemporaryDirectory() as folder:
        return babble(Plan.of(robot, source, SEED + 1), Path(folder), KNOWN, _twins(robot, source, SEED + 1))


def known(data: Babble) -> Faces:
    """What a babble lets a nearest neighbour know: its poses, and as many combined ones as an inverse model learns from."""
    parts = combined(data, data.of("upper"), data.of("lower"), InverseConfig.combined, np.random.default_rng(0))
    return Faces(np.concatenate([data.landmarks, parts.landmarks]), np.concatenate([data.commands, parts.commands]))


def _twins(robot: Robot, source: Source, seed: int) -> Chunks:
    return babblers.twins(robot, source, seed, "canonical", os.cpu_count() or 1)
