"""ONNX Runtime sessions: providers, carried state, warm-up. The only file that opens any.

A recurrent network names its state `state` going in and `next_state` coming out; the session carries it from call to call.
"""

import hashlib
import logging
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
MADE_OF = "made_of"  # of an int8 model's metadata: the fingerprint of the model that it stands in for
_STATE, _NEXT_STATE = "state", "next_state"


class ModelError(BadInputError):
    """A model file is missing, is no ONNX model, or does not take what it is given."""


class Network:
    """One session on one thread: at these sizes a second thread costs more than it brings."""

    def __init__(self, path: Path, providers: tuple[str, ...] = PROVIDERS, light: bool = True) -> None:
        """providers: tried in order; those this machine lacks are passed over, which is logged. Raises ModelError.

        light: on a CPU, take the int8 version of the model, if it lies beside.
        """
        if not path.is_file():
            raise ModelError(f"{path}: no such model. Weights come with the package; docs/training.md makes them anew.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        chosen = _available(providers, path)
        lighter = _lighter(path, options) if light and chosen == [_FULL_NAME["cpu"]] else None
        self._session = lighter or _session(path, options, chosen)
        self.provider = next(name for name, full in _FULL_NAME.items() if full == self._session.get_providers()[0])
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._inputs = {i.name: tuple(i.shape) for i in self._session.get_inputs()}
        self._outputs = [output.name for output in self._session.get_outputs()]
        self.reset()
        self._warm_up()
        log.info("%s runs on %s", path.name, self.provider)

    def reset(self) -> None:
        """Forgets what has been heard."""
        self._state = np.zeros(self._inputs[_STATE], np.float32) if _STATE in self._inputs else None

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """Inputs by name, of exactly the model's shapes, float32 -> its first output. Raises ModelError."""
        for name, value in inputs.items():
            if value.shape != self._inputs[name]:
                raise ModelError(f"input {name!r} has shape {value.shape}; the model takes {self._inputs[name]}.")
        if self._state is None:
            return self._session.run(self._outputs[:1], inputs)[0]
        outputs = self._session.run(self._outputs, {**inputs, _STATE: self._state})
        self._state = outputs[self._outputs.index(_NEXT_STATE)]
        return outputs[0]

    def _warm_up(self) -> None:
        """The first call allocates, and on a Jetson builds the TensorRT engine, which takes minutes: not in mid-speech."""
        self(**{name: np.zeros(shape, np.float32) for name, shape in self._inputs.items() if name != _STATE})
        self.reset()


def fingerprint(model: Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(model.read_bytes()).hexdigest()


def _session(path: Path, options: onnxruntime.SessionOptions, providers: list) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime raises classes of its own for each way in which a file can be wrong
        raise ModelError(f"{path}: not a model that ONNX Runtime can load ({error}).") from error


def _lighter(model: Path, options: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession | None:
    """NAME_int8.onnx beside NAME.onnx, if there is one: a CPU spends most of a hop on fetching weights from memory."""
    path = model.with_stem(f"{model.stem}_int8")
    if not path.is_file():
        return None
    session = _session(path, options, [_FULL_NAME["cpu"]])
    if session.get_modelmeta().custom_metadata_map.get(MADE_OF) == fingerprint(model):
        return session
    log.warning("%s was not made of the %s beside it: passed over. Export it anew.", path, model.name)
    return None


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
