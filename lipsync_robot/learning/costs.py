"""What the networks cost beside their alternatives, and what preparing data and training cost: for `lipsync-robot bench`.

Costs do not depend on the weights, so that untrained networks of the shipped sizes serve. One thread.
"""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.nn.functional import l1_loss

from ..audio.mel import BANDS
from ..errors import BadInputError
from ..face.landmarks import POINTS
from ..inference import Network
from . import cleaning, export
from .corpus import Recording, layout
from .extraction import extract
from .networks import APC, SLICE, Audio2Landmark

TRAINED_S = 4.0  # of steps that are timed
BATCH, LENGTH = 64, 256  # sequences and hops of a training step, as config/train has them


def seconds(act: Callable[[], object], times: int = 200) -> float:
    """Of one call, the median; the first calls, which allocate, do not count."""
    took = []
    for _ in range(times + times // 10):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return float(np.median(took[times // 10 :]))


def speech() -> dict[str, float]:
    """Seconds a hop of the speech representation: by torch; by ONNX Runtime, carrying state; over a slice of 25 hops anew."""
    torch.set_num_threads(1)
    network, hop = APC().eval(), torch.zeros(1, 1, BANDS)
    state = torch.zeros(network.gru.num_layers, 1, network.gru.hidden_size)
    with TemporaryDirectory() as folder, torch.no_grad():
        streaming, sliced = Path(folder) / "streaming.onnx", Path(folder) / "sliced.onnx"
        export.apc(network, streaming)
        export.apc(network, sliced, hops=SLICE)
        by_hop, by_slice = Network(streaming), Network(sliced)
        return {
            "torch": seconds(lambda: network(hop, state)),
            "streaming": seconds(lambda: by_hop(mel=hop.numpy())),
            "sliced": seconds(lambda: by_slice(mel=np.zeros((1, SLICE, BANDS), np.float32))),
        }


def training() -> dict[str, float]:
    """Seconds of speech trained on in a second, one thread: of both networks, forwards, backwards and the optimiser's step."""
    torch.set_num_threads(1)
    representation = APC()
    network = Audio2Landmark(representation.gru.hidden_size + BANDS, 256, 2, 32, dropout=0.1)
    mel, heard = torch.randn(BATCH, LENGTH, BANDS), torch.randn(BATCH, LENGTH, representation.gru.hidden_size + BANDS)
    faces = torch.randn(BATCH, LENGTH, POINTS, 3)
    return {
        "apc": _throughput(representation, lambda: l1_loss(representation.post(representation(mel)[0]), mel)),
        "audio2landmark": _throughput(network, lambda: l1_loss(network(heard)[0], faces)),
    }


def preparation(film: Path) -> float:
    """Pictures of a film with sound that become training data in a second, on one core."""
    began = time.perf_counter()
    entry, clip = extract(Recording(film.stem, film.suffix, film.stem), layout(film.parent), cleaning.Limits())
    if clip is None:
        raise BadInputError(f"{film}: no training data ({entry.dropped}).")
    return entry.frames / (time.perf_counter() - began)


def _throughput(network: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> float:
    optimiser, steps, began = torch.optim.Adam(network.parameters()), 0, time.perf_counter()
    while time.perf_counter() - began < TRAINED_S:
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        steps += 1
    return steps * BATCH * LENGTH / 50 / (time.perf_counter() - began)
