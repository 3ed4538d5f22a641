"""The twin's camera: a picture of the face as the simulation has it now. Needs GL; one camera per thread."""

import weakref

import mujoco
import numpy as np

from . import geometry, model, rig
from .appearance import Appearance
from .model import METRES
from .simulation import FaceSimulation

UP = np.array([0.0, 1.0, 0.0])


class Camera:
    def __init__(
        self,
        simulation: FaceSimulation,
        width: int = 640,
        height: int = 480,
        samples: int = 4,
        appearance: Appearance = Appearance(),
    ) -> None:
        """width, height: pixels. samples: 4 for smooth edges, 0 for more than twice the speed.

        appearance: may be replaced between two pictures, at no cost. Each new camera begins the same series of noise.
        """
        self.appearance = appearance
        self._simulation = simulation
        self._skin = geometry.skin()
        self._model = model.head(self._skin, simulation.face, width, height, samples)
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, height, width)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False  # no light casts any; looking for them takes a tenth
        self._shaped = np.empty(0)  # the positions that the skin in the scene was drawn from
        self._close = weakref.finalize(self, self._renderer.close)  # at exit it is too late: OpenGL is gone, and prints that
        self._jaw, self._studio, self._lamp = (self._model.body(name).mocapid[0] for name in ("jaw", "studio", "lamp"))
        self._sensor = np.random.default_rng(0)

    def picture(self) -> np.ndarray:
        """-> (height, width, 3) uint8 RGB."""
        positions, face = self._simulation.positions, self._simulation.face
        self._open_jaw(positions[rig.MOTORS.index("jaw")])
        self._turn_head()
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, camera="front")
        scene = self._renderer.scene
        for light in scene.lights[: scene.nlight]:
            for colour in (light.ambient, light.diffuse, light.specular):
                colour *= self.appearance.brightness
        if not np.array_equal(positions, self._shaped):  # a pose seen from many sides is shaped once
            drawn = face.warp(self._skin.follow(rig.skinned(positions)))
            self._vertices, self._normals = (drawn * METRES).ravel(), geometry.normals(drawn, self._skin.faces).ravel()
            self._shaped = positions.copy()
        scene.skinvert[:], scene.skinnormal[:] = self._vertices, self._normals
        return self._sensed(self._renderer.render())

    def close(self) -> None:
        self._close()

    def _open_jaw(self, opening: float) -> None:
        """opening 0..1."""
        at = self._simulation.face.warp(geometry.JAW_HINGE + opening * rig.JAW_SLIDE)
        self._data.mocap_pos[self._jaw] = at * METRES
        mujoco.mju_mat2Quat(self._data.mocap_quat[self._jaw], rig.jaw_rotation(opening).ravel())

    def _turn_head(self) -> None:
        """Turns camera and lights around the head the other way, which looks the same and leaves the skin where it is."""
        look, turns, light = self.appearance, self._data.mocap_quat, np.zeros(4)
        angles = np.radians([-look.yaw_deg, look.pitch_deg, look.roll_deg])
        mujoco.mju_euler2Quat(turns[self._studio], angles, "yxz")
        mujoco.mju_axisAngle2Quat(light, UP, np.radians(look.light_deg))
        mujoco.mju_mulQuat(turns[self._lamp], turns[self._studio], light)

    def _sensed(self, picture: np.ndarray) -> np.ndarray:
        if self.appearance.noise == 0:
            return picture
        noise = self.appearance.noise * self._sensor.standard_normal(picture.shape, np.float32)
        return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
