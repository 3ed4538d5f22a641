"""Trained networks to ONNX, with fixed shapes: one hop, one face. The only way from learning/ to the robot."""

import copy
import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from torch import Tensor, nn
from torch.onnx.utils import register_custom_op_symbolic

from ..audio.mel import BANDS
from ..face.landmarks import POINTS, ROBOT_POINTS
from ..inference import FOR_CPUS, MADE_OF, OVER, fingerprint
from ..vision.expression import INPUT_FRAMES, Signs
from .inverse_parts import Corrected
from .networks import APC, Anticipation, Committee

OPSET = 17
# Of the weights; what goes in and comes out is float32. In int4 are those of GRUs, nearly all; around these it is int8.
Precision = Literal["fp32", "fp16", "int8", "int4"]


class _Hears(nn.Module):
    """audio2landmark as it runs: it takes decibels, and APC's own normalisation goes with it."""

    def __init__(self, representation: APC, network: Committee) -> None:
        super().__init__()
        self.representation, self.network = representation, network

    def forward(self, features: Tensor, mel: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(torch.cat([features, self.representation.normalise(mel)], dim=-1), state)


class _HearsItself(_Hears):
    """The same with APC within: for a CPU, to which a second session costs as much as a tenth of both."""

    def forward(self, mel: Tensor, apc_state: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        features, apc_state = self.representation(mel, apc_state)
        return *super().forward(features, mel, state), apc_state


class _ByProducts(nn.Module):
    """A GRU for one face, hop by hop as matrix products: ONNX Runtime quantises those, and not its GRU.

    In as few operations as will do: each costs a microsecond or two, as much as a hundred kilobytes of weights.
    """

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.gru = gru

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x (1, hops, inputs), state (layers, 1, units) -> (1, hops, units), next state."""
        hops, after = x.shape[1], []
        for (w_input, w_state, b_input, b_state), known in zip(self.gru.all_weights, state.split(1), strict=True):
            heard, w_known, steps = x @ w_input.T + b_input, w_state.T, [known]
            for hop in heard.split(1, 1) if hops > 1 else [heard]:  # to split or join a single one would cost a call
                steps.append(self._step(hop, steps[-1] @ w_known + b_state, steps[-1]))
            x = torch.cat(steps[1:], 1) if hops > 1 else steps[1]
            after.append(steps[-1])
        return x, torch.cat(after)

    def _step(self, heard: Tensor, known: Tensor, before: Tensor) -> Tensor:
        """heard, known (1, 1, 3 units): for the gates reset and keep, and for what is new; before (1, 1, units) -> after."""
        units = self.gru.hidden_size
        (gates, new), (known_gates, known_new) = (each.split([2 * units, units], -1) for each in (heard, known))
        reset, keep = torch.sigmoid(gates + known_gates).split(units, -1)
        new = torch.tanh(new + reset * known_new)
        return new + keep * (before - new)


def apc(network: APC, path: Path, precision: Precision = "fp32", hops: int = 1) -> None:
    """mel (1, hops, 80) dB, state -> features (1, hops, units), next_state; the robot's takes one hop."""
    state = torch.zeros(network.gru.num_layers, 1, network.gru.hidden_size)
    metadata = {OVER: network.digest()}
    _export(
        network, path, {"mel": torch.zeros(1, hops, BANDS), "state": state}, ["features", "next_state"], metadata, precision
    )


def audio2landmark(representation: APC, network: Committee, lookahead: int, path: Path, precision: Precision = "fp32") -> None:
    """features (1, 1, units), mel (1, 1, 80) dB, state -> displacement (1, 1, 468, 3) cm, next_state.

    For a CPU it takes apc_state instead of features, and makes these itself. The look-ahead in hops travels as metadata, as
    does which APC it is.
    """
    gru = representation.gru
    mel, state = torch.zeros(1, 1, BANDS), torch.zeros(sum(network.layers), 1, network.units)
    metadata = {"lookahead": str(lookahead), OVER: representation.digest()}
    if precision in FOR_CPUS:
        inputs = {"mel": mel, "apc_state": torch.zeros(gru.num_layers, 1, gru.hidden_size), "state": state}
        outputs = ["displacement", "next_state", "next_apc_state"]
        _export(_HearsItself(representation, network), path, inputs, outputs, metadata, precision)
    else:
        inputs = {"features": torch.zeros(1, 1, gru.hidden_size), "mel": mel, "state": state}
        _export(_Hears(representation, network), path, inputs, ["displacement", "next_state"], metadata, precision)


def inverse(network: Corrected, motors: list[str], path: Path) -> None:
    """landmarks (1, 113, 2) cm -> commands (1, motors)."""
    inputs = {"landmarks": torch.zeros(1, ROBOT_POINTS, 2)}
    register_custom_op_symbolic("aten::linalg_inv", _inverse_of_a_matrix, OPSET)
    _export(network, path, inputs, ["commands"], {"motors": ",".join(motors)})


def predictor(network: Anticipation, signs: Signs, path: Path) -> None:
    """displacements (1, INPUT_FRAMES, 468, 3) cm -> ahead (1, 468, 3) cm. The signs of an onset travel as metadata."""
    inputs = {"displacements": torch.zeros(1, INPUT_FRAMES, POINTS, 3)}
    _export(network, path, inputs, ["ahead"], {"signs": json.dumps(asdict(signs))})


def tie(light: Path, models: Sequence[Path]) -> None:
    """Notes in a CPU's model which models it is the light version of."""
    model = onnx.load(str(light))
    model.metadata_props.add(key=MADE_OF, value=fingerprint(models))
    onnx.save(model, str(light))


def _export(
    network: nn.Module,
    path: Path,
    inputs: dict[str, Tensor],
    outputs: list[str],
    metadata: dict[str, str],
    precision: Precision = "fp32",
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of batches other than one, which a robot never has
        torch.onnx.export(
            (_unrolled(network) if precision in FOR_CPUS else network).eval(), tuple(inputs.values()), str(path),
            input_names=list(inputs), output_names=outputs, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    if precision in FOR_CPUS:  # reduced to seven bits: with eight, x86 without VNNI saturates
        spared = [node.name for node in onnx.load(str(path)).graph.node if "gru/" in node.name] if precision == "int4" else []
        quantize_dynamic(path, path, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, nodes_to_exclude=spared)
    model = onnx.load(str(path))
    if precision == "fp16":
        model = convert_float_to_float16(model, keep_io_types=True)
    elif precision == "int4":
        model = _in_four_bits(model)
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, str(path))


def _in_four_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """Of the products that are left: weights in blocks of 64, each with a scale and a zero; what they weigh in 8 bits."""
    blocks = DefaultWeightOnlyQuantConfig(block_size=64, is_symmetric=False, accuracy_level=4)
    quantizer = MatMulNBitsQuantizer(model, algo_config=blocks)
    quantizer.process()
    four_bits: onnx.ModelProto = quantizer.model.model
    once = {weights.name: weights for weights in four_bits.graph.initializer}  # it writes them for each product that has them
    del four_bits.graph.initializer[:]
    four_bits.graph.initializer.extend(once.values())
    return four_bits


def _inverse_of_a_matrix(graph: Any, square: Any) -> Any:
    """An operation of ONNX Runtime's own: ONNX has none, and TensorRT leaves it to the CPU."""
    return graph.op("com.microsoft::Inverse", square).setType(square.type())


def _unrolled(network: nn.Module) -> nn.Module:
    """A copy whose GRUs are _ByProducts."""
    network = copy.deepcopy(network)
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.GRU):
                setattr(module, name, _ByProducts(child))
    return network
