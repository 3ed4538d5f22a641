"""ONNX Runtime sessions: providers, carried state, warm-up. The only file that opens any.

What a recurrent network names X going in and next_X coming out is carried from call to call.
"""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from .errors import BadInputError

log = logging.getLogger(__name__)

PROVIDERS = ("tensorrt", "cuda", "cpu")  # in the order in which they are tried
_FULL_NAME = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
FOR_CPUS = ("int4", "int8")  # precisions of weights that make a model light: the first that is there is taken
OVER = "apc"  # of the metadata of APC, and of what was trained over it: which one it is
MADE_OF = "made_of"  # of a light model's metadata: the fingerprint of the models that it stands in for


class ModelError(BadInputError):
    """A model file is missing, is no ONNX model, or does not take what it is given."""


class Network:
    """One session on one thread: at these sizes a second thread costs more than it brings."""

    def __init__(self, path: Path, providers: tuple[str, ...] = PROVIDERS) -> None:
        """providers: tried in order; those this machine lacks are passed over, which is logged. Raises ModelError."""
        if not path.is_file():
            raise ModelError(f"{path}: no such model. Weights come with the package; docs/training.md makes them anew.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        chosen = _available(providers, path)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=chosen)
        except Exception as error:  # onnxruntime raises classes of its own for each way in which a file can be wrong
            raise ModelError(f"{path}: not a model that ONNX Runtime can load ({error}).") from error
        self.provider = next(name for name, full in _FULL_NAME.items() if full == self._session.get_providers()[0])
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._inputs = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        outputs = [output.name for output in self._session.get_outputs()]
        self._recurrent = [name for name in self._inputs if f"next_{name}" in outputs]
        self._outputs = outputs[:1] + [f"next_{name}" for name in self._recurrent]
        self.reset()
        self._warm_up()
        log.info("%s runs on %s", path.name, self.provider)

    def reset(self) -> None:
        """Forgets what has been heard."""
        self._carried = {name: np.zeros(self._inputs[name], np.float32) for name in self._recurrent}

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """Inputs by name, of exactly the model's shapes, float32 -> its first output. Raises ModelError."""
        for name, value in inputs.items():
            if value.shape != self._inputs.get(name):
                takes = " and ".join(f"{name} {shape}" for name, shape in self._inputs.items() if name not in self._carried)
                raise ModelError(f"input {name!r} has shape {value.shape}; the model takes {takes}.")
        answer: np.ndarray
        answer, *after = self._session.run(self._outputs, {**inputs, **self._carried})
        self._carried = dict(zip(self._recurrent, after, strict=True))
        return answer

    def _warm_up(self) -> None:
        """The first call allocates, and on a Jetson builds the TensorRT engine, which takes minutes: not in mid-speech."""
        self(**{name: np.zeros(shape, np.float32) for name, shape in self._inputs.items() if name not in self._carried})
        self.reset()


def light(models: Sequence[Path], providers: tuple[str, ...] = PROVIDERS) -> Network | None:
    """NAME_int4.onnx, or else NAME_int8.onnx, beside the last of these models: it does alone what they do one after another.

    None where none was made of them, or where there is more than a CPU, which spends most of a hop on fetching weights and on
    calls.
    """
    for path in (models[-1].with_stem(f"{models[-1].stem}_{precision}") for precision in FOR_CPUS):
        if not all(model.is_file() for model in (path, *models)) or _available(providers, path) != [_FULL_NAME["cpu"]]:
            continue
        network = Network(path, ("cpu",))
        if network.metadata.get(MADE_OF) == fingerprint(models):
            return network
        beside = " and ".join(model.name for model in models)
        log.warning("%s was not made of %s: passed over. Export it anew.", path, beside)
    return None


def fingerprint(models: Sequence[Path]) -> str:
    """Of files' bytes."""
    return hashlib.sha256(b"".join(model.read_bytes() for model in models)).hexdigest()


def present() -> list[str]:
    """Those of PROVIDERS that are part of this onnxruntime."""
    return [name for name in PROVIDERS if _FULL_NAME[name] in onnxruntime.get_available_providers()]


def _available(wanted: tuple[str, ...], model: Path) -> list[str | tuple[str, dict[str, Any]]]:
    unknown = [name for name in wanted if name not in _FULL_NAME]
    if unknown:
        raise ModelError(f"unknown provider {unknown[0]!r}. Known: {', '.join(_FULL_NAME)}.")
    chosen: list[str | tuple[str, dict[str, Any]]] = []
    for name in wanted:
        if name not in present():
            log.info("provider %s is not part of this onnxruntime: passed over", name)
        elif name == "tensorrt":
            log.info("TensorRT builds its engine for %s the first time: this can take minutes", model.name)
            cache = {"trt_engine_cache_enable": True, "trt_engine_cache_path": str(model.parent / "engines")}
            chosen.append((_FULL_NAME[name], {"trt_fp16_enable": True, **cache}))
        else:
            chosen.append(_FULL_NAME[name])
    if not chosen:
        raise ModelError(f"none of the providers {', '.join(wanted)} is part of this onnxruntime. Add cpu to the list.")
    return chosen
