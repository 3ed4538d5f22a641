"""What the networks cost beside their alternatives, and what preparing data and training cost: for `lipsync-robot bench`.

Costs do not depend on the weights, so that untrained networks of the shipped sizes serve. One thread.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.nn.functional import l1_loss

from ..audio.mel import BANDS, FRAME_RATE
from ..errors import BadInputError
from ..face.landmarks import POINTS
from ..inference import Network
from . import cleaning, export
from .audio2landmark import Audio2LandmarkConfig, Audio2LandmarkTraining
from .corpus import Recording, layout
from .extraction import extract
from .networks import APC, SLICE

ROUNDS, CALLS = 5, 40  # of calls, so that all alternatives share a machine's better and worse moments
PRECISIONS: tuple[export.Precision, ...] = ("fp32", "int8", "int4")
TRAINED_S = 4.0  # of steps that are timed
BATCH, LENGTH = 64, 256  # sequences and hops of a training step of APC, as config/train has them


def seconds(acts: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Of one call of each, the median of all rounds; the first calls of a round, which find cold caches, do not count."""
    took: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(ROUNDS):
        for name, act in acts.items():
            for call in range(-times // 10, times):
                began = time.thread_time()
                act()
                if call >= 0:
                    took[name].append(time.thread_time() - began)
    return {name: float(np.median(calls)) for name, calls in took.items()}


def speech(times: int = CALLS) -> dict[str, float]:
    """Seconds a hop of the speech representation takes by torch and by ONNX Runtime in each of PRECISIONS, of which
    a CPU runs int4: streaming, and sliced, which is over 25 hops anew each time."""
    torch.set_num_threads(1)
    network, hop = APC().eval(), torch.zeros(1, 1, BANDS)
    state = torch.zeros(network.gru.num_layers, 1, network.gru.hidden_size)
    with TemporaryDirectory() as folder, torch.no_grad():
        acts: dict[str, Callable[[], object]] = {"torch": lambda: network(hop, state)}
        for name, hops in (("streaming", 1), ("sliced", SLICE)):
            for precision in PRECISIONS:
                path = Path(folder) / f"{name}_{precision}.onnx"
                export.apc(network, path, precision, hops)
                acts[path.stem] = partial(Network(path, ("cpu",)), mel=np.zeros((1, hops, BANDS), np.float32))
        return seconds(acts, times)


def training() -> dict[str, float]:
    """Seconds of speech trained on in a second, one thread: of both networks, forwards, backwards and the optimiser's step.

    Of audio2landmark only faces count, and all that is done for them: augmentation, APC, the phones of voices beside them.
    """
    torch.set_num_threads(1)
    representation, config = APC(), Audio2LandmarkConfig(corpora=[], prepared=[])
    training = Audio2LandmarkTraining(config, APC())
    training.network.basis = torch.randn(config.motions, POINTS * 3)
    mel, faces, voices = torch.randn(BATCH, LENGTH, BANDS), (config.batch, config.length), (config.voices_batch, config.length)
    batch = {
        "faces": [torch.randn(*faces, BANDS), torch.randn(*faces, POINTS, 3), torch.ones(faces)],
        "voices": [torch.randn(*voices, BANDS), torch.zeros(voices, dtype=torch.long)],
    }
    warnings.filterwarnings("ignore", "You are trying to `self.log")  # which has nobody to tell here
    return {
        "apc": _throughput(representation, BATCH * LENGTH, lambda: l1_loss(representation.post(representation(mel)[0]), mel)),
        "audio2landmark": _throughput(training.network, config.batch * config.length, lambda: training.training_step(batch, 0)),
    }


def preparation(film: Path) -> float:
    """Pictures of a film with sound that become training data in a second, on one core."""
    began = time.perf_counter()
    entry, clip = extract(Recording(film.stem, film.suffix, film.stem), layout(film.parent), cleaning.Limits())
    if clip is None:
        raise BadInputError(f"{film}: no training data ({entry.dropped}).")
    return entry.frames / (time.perf_counter() - began)


def _throughput(network: torch.nn.Module, hops: int, loss: Callable[[], torch.Tensor]) -> float:
    optimiser, steps, began = torch.optim.Adam(network.parameters()), 0, time.perf_counter()
    while time.perf_counter() - began < TRAINED_S:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        steps += 1
    return steps * hops / FRAME_RATE / (time.perf_counter() - began)
