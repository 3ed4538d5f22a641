"""A finished training run to the model that the robot runs, compared with torch on real speech before it is written."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..audio import files
from ..audio.mel import LogMel
from ..errors import BadInputError
from ..inference import FOR_CPUS, Network
from ..speech.audio2landmark import apc_of
from . import apc, audio2landmark, export, fit, networks

# Of any output at any hop, in UNITS. What this catches is a model that does something else; how well it does is for `evaluate`.
TOLERANCE: dict[export.Precision, float] = {"fp32": 1e-3, "fp16": 0.01, "int8": 0.1, "int4": 0.4}
UNITS = {"apc": "of features in -1..1", "audio2landmark": "cm"}


class ExportError(BadInputError):
    """A run that cannot be exported, or whose model does not do what torch does."""


class Difference(NamedTuple):
    largest: float  # between the model, hop by hop, and torch, over the whole recording
    units: str


def to_onnx(runs: list[Path], apc_run: Path, model: Path, precision: export.Precision, recording: Path) -> Difference:
    """runs: a folder of `train apc`, or some of `train audio2landmark` over apc_run, which will answer with their mean.

    Writes model. One of audio2landmark for a CPU, such as NAME_int4.onnx, is tied to NAME.onnx and to APC, apc.onnx beside it
    or else the package's, if both were made of the same runs: a CPU takes it for these (inference.light). Raises ExportError.
    """
    frames = LogMel()(files.read(recording))
    if not len(frames):
        raise ExportError(f"{recording}: shorter than one hop of 20 ms. Give some seconds of speech.")
    mel = torch.from_numpy(frames)[None]
    kinds = {_kind(run) for run in runs}
    kind = kinds.pop()
    if kinds or (kind == "apc" and len(runs) > 1):
        raise ExportError("Only runs of `train audio2landmark` can be joined. Export the others one by one.")
    with TemporaryDirectory() as folder, torch.no_grad():
        written = Path(folder) / "model.onnx"
        if kind == "apc":
            inputs, expected = _apc(runs[0], written, precision, mel)
        else:
            inputs, expected = _audio2landmark(runs, apc_run, written, precision, mel)
        by_itself = {"mel": mel} if precision in FOR_CPUS else inputs
        largest = _differs(written, by_itself, expected)
        if not largest <= TOLERANCE[precision]:  # nor is NaN
            raise ExportError(
                f"{runs[0]}: as {precision} it differs from torch by {largest:.2g} {UNITS[kind]} on {recording}, more than "
                f"{TOLERANCE[precision]}: nothing was written. Choose a finer --precision, or train it anew."
            )
        above = model.with_stem(model.stem.removesuffix(f"_{precision}"))
        if precision in FOR_CPUS and kind == "audio2landmark" and above != model and above.is_file():
            under = apc_of(model)
            if max(_differs(under, by_itself, inputs["features"]), _differs(above, inputs, expected)) <= TOLERANCE["fp32"]:
                export.tie(written, (under, above))
        model.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(written, model)
    return Difference(largest, UNITS[kind])


def _differs(model: Path, inputs: dict[str, Tensor], expected: Tensor) -> float:
    """The largest difference of any output of the model, hop by hop, from what torch makes of the whole."""
    running = Network(model, ("cpu",))
    hops = range(expected.shape[1])
    told = np.concatenate(
        [running(**{name: heard[:, i : i + 1].numpy() for name, heard in inputs.items()}) for i in hops], axis=1
    )
    return float(np.abs(told - expected.numpy()).max()) if told.shape == tuple(expected.shape) else np.inf


def _apc(run: Path, model: Path, precision: export.Precision, mel: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Writes the model; mel (1, hops, 80) dB -> its inputs (1, hops, ...) by name, and what torch makes of them."""
    network = apc.load(run / "network.pt")
    export.apc(network, model, precision)
    return {"mel": mel}, network(mel)[0]


def _audio2landmark(
    runs: list[Path], apc_run: Path, model: Path, precision: export.Precision, mel: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """As _apc, over the representation of apc_run."""
    modules = [_member(run, apc_run) for run in runs]
    representation, lookahead = modules[0].representation, modules[0].config.lookahead
    if len({(module.config.lookahead, module.config.units) for module in modules}) > 1:
        raise ExportError(f"{', '.join(map(str, runs))}: differ in look-ahead or units. Join runs of the same.")
    units = representation.gru.hidden_size
    parts = {"apc+mel": slice(None), "apc": slice(units), "mel": slice(units, None)}
    members = [module.network for module in modules]
    committee = networks.Committee(members, [parts[module.config.hears] for module in modules])  # type: ignore[arg-type]
    export.audio2landmark(representation, committee, lookahead, model, precision)
    return {"features": representation(mel)[0], "mel": mel}, torch.stack([module(mel) for module in modules]).mean(0)


def _member(run: Path, apc_run: Path) -> audio2landmark.Audio2LandmarkTraining:
    if _kind(apc_run) != "apc":
        raise ExportError(f"{apc_run}: not a run of `train apc`. Name with --apc the one under {run}.")
    module = audio2landmark.load(run, apc_run)
    if not isinstance(module.network, networks.Audio2Landmark):
        raise ExportError(f"{run}: is a sliced network, for comparison only; a robot runs streaming ones.")
    return module


def _kind(run: Path) -> str:
    """By what its network.pt holds: audio2landmark's a static face, APC's a post-net."""
    saved = fit.saved(run / "network.pt")
    if "static" in saved:
        return "audio2landmark"
    if apc.is_apc(saved):
        return "apc"
    raise ExportError(f"{run}: holds neither an APC nor an audio2landmark network; other kinds cannot be exported.")
