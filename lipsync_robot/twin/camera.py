"""The twin's camera: a picture of the face as the simulation has it now. Needs GL; one camera per thread."""

import mujoco
import numpy as np

from . import geometry, model, rig
from .model import METRES
from .simulation import FaceSimulation


class Camera:
    def __init__(self, simulation: FaceSimulation, width: int = 640, height: int = 480, samples: int = 4) -> None:
        """width, height: pixels. samples: 4 for smooth edges, 0 for more than twice the speed."""
        self._simulation = simulation
        self._skin = geometry.skin()
        self._model = model.head(self._skin, width, height, samples)
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, height, width)

    def picture(self) -> np.ndarray:
        """-> (height, width, 3) uint8 RGB."""
        positions = self._simulation.positions
        self._data.mocap_pos[0], self._data.mocap_quat[0] = _jaw_pose(positions[rig.MOTORS.index("jaw")])
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, camera="front")
        drawn = self._skin.follow(rig.skinned(positions))
        scene = self._renderer.scene
        scene.skinvert[:] = (drawn * METRES).ravel()
        scene.skinnormal[:] = geometry.normals(drawn, self._skin.faces).ravel()
        return self._renderer.render()

    def close(self) -> None:
        self._renderer.close()


def _jaw_pose(opening: float) -> tuple[np.ndarray, np.ndarray]:
    """opening 0..1 -> (3,) m and (4,) quaternion of the jaw's bone."""
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rig.jaw_rotation(opening).ravel())
    return (geometry.JAW_HINGE + opening * rig.JAW_SLIDE) * METRES, quaternion
