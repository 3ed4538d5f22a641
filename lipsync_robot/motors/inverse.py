"""Robot landmarks to motor commands, by the network that babbling trained. Seed 001, summer report, section 4."""

from pathlib import Path

import numpy as np

from ..inference import PROVIDERS, ModelError, Network


class InverseModel:
    def __init__(self, path: Path, motors: list[str], providers: tuple[str, ...] = PROVIDERS) -> None:
        """motors: the robot's, in order; a model of another robot is refused. Raises inference.ModelError."""
        self._network = Network(path, providers)
        trained = self._network.metadata.get("motors", "").split(",")
        if trained != motors:
            raise ModelError(
                f"{path}: was trained for the motors {', '.join(trained)}, not for {', '.join(motors)}. "
                "Train this robot's own, as docs/training.md shows."
            )

    @property
    def provider(self) -> str:
        return self._network.provider

    def __call__(self, landmarks: np.ndarray) -> np.ndarray:
        """landmarks (113, 2) cm -> commands (motors,) in 0..1, float64."""
        found = self._network(landmarks=landmarks[None].astype(np.float32))[0].astype(float)
        return np.minimum(np.maximum(found, 0.0), 1.0)  # NaN stays, for the guard to refuse
