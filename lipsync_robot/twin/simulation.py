"""The twin's motion: commands to servos with speed, inertia and backlash, and the landmarks that follow, without GL."""

import mujoco
import numpy as np

from ..face.metric import aligned
from . import faces, model, rig
from .model import TIME_STEP, TRAVEL

BACKLASH = 0.01  # of the stroke, to either side


class FaceSimulation:
    """Owns the servos' state. Time passes only in `advance`."""

    def __init__(self, backlash: float = BACKLASH, noise: float = 0.0, seed: int = 0, face: str = "canonical") -> None:
        """At NEUTRAL, at rest.

        backlash: the play between a servo and its linkage; noise: the standard deviation of where a servo lands, anew for each
        new command; both shares of the stroke. face: one of faces.FACES. Raises BadInputError for any other.
        """
        self._model = model.servos()
        self._data = mujoco.MjData(self._model)
        self._backlash = backlash
        self._noise = noise
        self._random = np.random.default_rng(seed)
        self._asked = np.full(len(rig.MOTORS), np.nan)
        self._error = np.zeros(len(rig.MOTORS))  # of where each servo lands, share of the stroke
        self.face = faces.named(face)
        self._owed = 0.0  # s asked for but not yet a whole step
        self._linkage = rig.NEUTRAL.copy()
        self.place(rig.NEUTRAL)

    def command(self, positions: np.ndarray) -> None:
        """positions (11,) 0..1: what the servo controller asks for from now on; NaN: no torque, the servo stays where it is."""
        limp = np.isnan(positions)
        asked = np.where(limp, self.positions, np.clip(positions, 0.0, 1.0))
        drawn = self._noise * self._random.standard_normal(len(asked))
        self._error = np.where(limp, 0.0, np.where(asked == self._asked, self._error, drawn))
        self._asked = asked
        self._data.ctrl[:] = np.clip(asked + self._error, 0.0, 1.0) * TRAVEL

    def advance(self, seconds: float) -> None:
        """Lets time pass, in whole steps of 2 ms; what is left counts for the next call."""
        self._owed += seconds
        steps = int(self._owed / TIME_STEP + 1e-6)
        self._owed -= steps * TIME_STEP
        for _ in range(steps):
            mujoco.mj_step(self._model, self._data)
            horn = self._data.qpos / TRAVEL
            self._linkage = np.minimum(np.maximum(self._linkage, horn - self._backlash), horn + self._backlash)

    @property
    def positions(self) -> np.ndarray:
        """(11,) where the servos hold the face now, 0..1, behind their backlash."""
        return np.clip(self._linkage, 0.0, 1.0)

    def place(self, positions: np.ndarray) -> None:
        """positions (11,) 0..1: are reached at once, without dynamics but with noise, and are the command from now on."""
        mujoco.mj_resetData(self._model, self._data)
        self.command(positions)
        self._data.qpos[:] = self._data.ctrl
        if self._model.na:
            self._data.act[:] = self._data.ctrl
        self._linkage = self._data.ctrl / TRAVEL
        mujoco.mj_forward(self._model, self._data)

    def landmarks(self) -> np.ndarray:
        """-> (468, 3) cm, metric face: the exact landmarks of the face as it is now."""
        return landmarks(self.positions, self.face)


def landmarks(positions: np.ndarray, face: faces.Face) -> np.ndarray:
    """positions (11,) 0..1 -> (468, 3) cm, metric face: the exact landmarks of a face whose servos stand there."""
    return aligned(face.warp(rig.skinned(positions)))
