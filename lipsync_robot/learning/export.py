"""Trained networks to ONNX, with fixed shapes: one hop, one face. The only way from learning/ to the robot."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from ..audio.mel import BANDS
from ..face.landmarks import ROBOT_POINTS
from .networks import APC, Audio2Landmark, Inverse


class _NormalisesMel(nn.Module):
    """audio2landmark as it runs: it takes decibels, and APC's own normalisation goes with it."""

    def __init__(self, representation: APC, network: Audio2Landmark) -> None:
        super().__init__()
        self.representation, self.network = representation, network

    def forward(self, features: Tensor, mel: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(features, self.representation.normalise(mel), state)


def apc(network: APC, path: Path) -> None:
    """mel (1, 1, 80) dB, state -> features (1, 1, units), next_state."""
    state = torch.zeros(network.gru.num_layers, 1, network.gru.hidden_size)
    _export(network, path, {"mel": torch.zeros(1, 1, BANDS), "state": state}, ["features", "next_state"], {})


def audio2landmark(representation: APC, network: Audio2Landmark, lookahead: int, path: Path) -> None:
    """features (1, 1, units), mel (1, 1, 80) dB, state -> displacement (1, 1, 468, 3) cm, next_state.

    The look-ahead in hops travels as metadata.
    """
    inputs = {
        "features": torch.zeros(1, 1, representation.gru.hidden_size),
        "mel": torch.zeros(1, 1, BANDS),
        "state": torch.zeros(network.gru.num_layers, 1, network.gru.hidden_size),
    }
    metadata = {"lookahead": str(lookahead)}
    _export(_NormalisesMel(representation, network), path, inputs, ["displacement", "next_state"], metadata)


def inverse(network: Inverse, motors: list[str], path: Path) -> None:
    """landmarks (1, 113, 2) cm -> commands (1, motors)."""
    inputs = {"landmarks": torch.zeros(1, ROBOT_POINTS, 2)}
    _export(network, path, inputs, ["commands"], {"motors": ",".join(motors)})


def _export(network: nn.Module, path: Path, inputs: dict[str, Tensor], outputs: list[str], metadata: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of batches other than one, which a robot never has
        torch.onnx.export(
            network.eval(), tuple(inputs.values()), str(path),
            input_names=list(inputs), output_names=outputs, opset_version=17, dynamo=False,
        )  # fmt: skip
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(path))
