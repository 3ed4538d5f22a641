"""MJCF: the eleven servos that physics steps, and the head that the camera sees. The only file that writes XML.

Metres, the canonical face's frame: x to the subject's left, y up, z to the camera.
"""

import mujoco
import numpy as np

from . import geometry, paint
from .faces import Face
from .geometry import EYE_CENTRE_LEFT, EYE_CENTRE_RIGHT, JAW_HINGE, TO_OTHER_SIDE, Skin, Solid
from .rig import MOTORS

METRES = 0.01  # a centimetre

TIME_STEP = 0.002  # s
FULL_STROKE = 0.15  # s that a servo needs from end to end at full speed
TRAVEL = 1.0  # rad of a servo's horn that are its whole stroke
SERVO_INERTIA = 3e-5  # kg m2, horn and gears
SERVO_DAMPING = 3e-3  # N m s/rad
SERVO_STIFFNESS, SERVO_BRAKE = 0.6, 0.012  # N m/rad and N m s/rad of its controller
SERVO_TORQUE = 0.15  # N m


def servos() -> mujoco.MjModel:
    """-> a model of nothing but the servos, in the order of MOTORS: ctrl and qpos in rad, 0..TRAVEL."""
    bodies = "".join(
        f"""
        <body name="{name}" pos="{0.03 * k} 0 0">
          <inertial pos="0 0 0" mass="0.01" diaginertia="1e-6 1e-6 1e-6"/>
          <joint name="{name}" type="hinge" axis="0 0 1" range="0 {TRAVEL}" damping="{SERVO_DAMPING}"
                 armature="{SERVO_INERTIA}"/>
        </body>"""
        for k, name in enumerate(MOTORS)
    )
    actuators = "".join(
        f"""
        <pid name="{name}" joint="{name}" kp="{SERVO_STIFFNESS}" kv="{SERVO_BRAKE}" input="pos" posrange="0 {TRAVEL}"
             slewmax="{TRAVEL / FULL_STROKE}" forcerange="{-SERVO_TORQUE} {SERVO_TORQUE}"/>"""
        for name in MOTORS
    )
    return mujoco.MjModel.from_xml_string(f"""
    <mujoco model="servos">
      <compiler angle="radian"/>
      <option timestep="{TIME_STEP}" gravity="0 0 0" integrator="implicitfast"><flag contact="disable"/></option>
      <worldbody>{bodies}</worldbody>
      <actuator>{actuators}</actuator>
    </mujoco>""")


def head(skin: Skin, face: Face, width: int, height: int, samples: int) -> mujoco.MjModel:
    """-> the scene around a skin, on that face, with three bodies that are free to move: "jaw"; "lamp", the main light;
    "studio", the other lights and the camera "front".

    width, height: pixels of the picture. samples: for smooth edges, 0 or 4.
    """
    solids = {
        "skull": geometry.skull(),
        "trim": geometry.trim(),
        "ear_right": geometry.ear(-1.0),
        "ear_left": geometry.ear(1.0),
        "neck": geometry.neck(),
        "collar": geometry.collar(),
        "eye_right": geometry.eyeball(EYE_CENTRE_RIGHT),
        "eye_left": geometry.eyeball(EYE_CENTRE_LEFT),
        "teeth_upper": geometry.teeth(upper=True),
        "teeth_lower": geometry.teeth(upper=False),
    }
    hinge, eye_right, eye_left = (face.warp(point) for point in (JAW_HINGE, EYE_CENTRE_RIGHT, EYE_CENTRE_LEFT))
    origins = {"teeth_lower": hinge, "eye_right": eye_right, "eye_left": eye_left}
    worn = {name: face.warp(solid.vertices) - origins.get(name, 0.0) for name, solid in solids.items()}
    pictures = {
        "skin.png": paint.skin(),
        "eye.png": paint.eye(),
        "neck.png": paint.neck(),
        "shell.png": paint.shell(),
        "teeth_upper.png": paint.teeth(upper=True),
        "teeth_lower.png": paint.teeth(upper=False),
    }
    meshes = "".join(_mesh(name, solid._replace(vertices=worn[name])) for name, solid in solids.items())
    throat, tongue = (face.warp(np.array(point)) for point in ([0.0, -5.0, 0.0], [0.0, -5.22, 2.75]))
    cheek = face.warp(np.array([3.4, -5.3, 0.6]))  # its inside, which is seen past the throat when the head is turned
    return mujoco.MjModel.from_xml_string(
        f"""
    <mujoco model="face">
      <option gravity="0 0 0"><flag contact="disable"/></option>
      <visual>
        <global offwidth="{width}" offheight="{height}"/>
        <quality offsamples="{samples}" shadowsize="0"/>
        <headlight ambient="0.40 0.40 0.41" diffuse="0.22 0.22 0.22" specular="0.02 0.02 0.02"/>
        <map znear="0.05" zfar="30"/>
      </visual>
      <asset>
        <texture name="backdrop" type="skybox" builtin="gradient" rgb1="0.80 0.82 0.84" rgb2="0.52 0.55 0.58"
                 width="64" height="64"/>
        <texture name="skin" type="2d" file="skin.png"/>
        <texture name="neck" type="2d" file="neck.png"/>
        <texture name="shell" type="2d" file="shell.png"/>
        <texture name="eye" type="2d" file="eye.png"/>
        <texture name="teeth_upper" type="2d" file="teeth_upper.png"/>
        <texture name="teeth_lower" type="2d" file="teeth_lower.png"/>
        <material name="skin" texture="skin" specular="0.16" shininess="0.22"/>
        <material name="silicone" rgba="{_numbers(np.array([*paint.SILICONE, 255]) / 255 * [0.96, 0.94, 0.93, 1])}"
                  specular="0.12" shininess="0.22"/>
        <material name="neck" texture="neck" specular="0.05" shininess="0.2"/>
        <material name="shell" texture="shell" specular="0.45" shininess="0.5"/>
        <material name="eye" texture="eye" specular="0.45" shininess="0.9" emission="0.06"/>
        <material name="teeth_upper" texture="teeth_upper" specular="0.35" shininess="0.7"/>
        <material name="teeth_lower" texture="teeth_lower" specular="0.35" shininess="0.7"/>
        <material name="tongue" rgba="0.66 0.27 0.28 1" specular="0.25" shininess="0.5"/>
        <material name="mouth" rgba="0.26 0.06 0.065 1" specular="0"/>
        <material name="graphite" rgba="0.17 0.18 0.20 1" specular="0.55" shininess="0.55"/>
        <material name="metal" rgba="0.55 0.57 0.60 1" specular="0.8" shininess="0.7"/>
        {meshes}
      </asset>
      <default><geom contype="0" conaffinity="0" mass="0"/></default>
      <worldbody>
        <body name="lamp" mocap="true">
          <light pos="-0.4 0.5 0.8" dir="0.45 -0.45 -0.8" directional="true" diffuse="0.44 0.42 0.39"
                 specular="0.30 0.30 0.30" castshadow="false"/>
        </body>
        <body name="studio" mocap="true">
          <light pos="0.8 0.1 0.4" dir="-0.9 -0.1 -0.4" directional="true" diffuse="0.13 0.14 0.17"
                 specular="0.15 0.15 0.16" castshadow="false"/>
          <light pos="0 0.8 -0.4" dir="0 -0.85 0.35" directional="true" diffuse="0.22 0.23 0.25"
                 specular="0.35 0.35 0.36" castshadow="false"/>
          <camera name="front" pos="0 0.006 0.76" xyaxes="1 0 0 0 1 0" fovy="22"/>
        </body>
        <geom type="mesh" mesh="skull" material="shell"/>
        <geom type="mesh" mesh="trim" material="metal"/>
        <geom type="mesh" mesh="ear_right" material="silicone"/>
        <geom type="mesh" mesh="ear_left" material="silicone"/>
        <geom type="mesh" mesh="neck" material="neck"/>
        <geom type="mesh" mesh="collar" material="graphite"/>
        <geom type="mesh" mesh="eye_right" material="eye" pos="{_numbers(eye_right * METRES)}"/>
        <geom type="mesh" mesh="eye_left" material="eye" pos="{_numbers(eye_left * METRES)}"/>
        <geom type="mesh" mesh="teeth_upper" material="teeth_upper"/>
        <geom type="ellipsoid" size="0.034 0.044 0.014" pos="{_numbers(throat * METRES)}" material="mouth"/>
        <geom type="ellipsoid" size="0.002 0.025 0.012" pos="{_numbers(cheek * METRES)}" euler="0 20 0" material="mouth"/>
        <geom type="ellipsoid" size="0.002 0.025 0.012" pos="{_numbers(cheek * TO_OTHER_SIDE * METRES)}" euler="0 -20 0"
              material="mouth"/>
        <body name="jaw" mocap="true" pos="{_numbers(hinge * METRES)}">
          <geom type="mesh" mesh="teeth_lower" material="teeth_lower"/>
          <geom type="ellipsoid" size="0.0150 0.0048 0.0150" pos="{_numbers((tongue - hinge) * METRES)}" material="tongue"/>
        </body>
      </worldbody>
      <deformable>
        <skin name="face" material="skin" vertex="{_numbers(face.warp(skin.rest) * METRES)}" texcoord="{_numbers(skin.uv)}"
              face="{" ".join(map(str, skin.faces.ravel()))}">
          <bone body="world" bindpos="0 0 0" bindquat="1 0 0 0"
                vertid="{" ".join(map(str, range(len(skin.rest))))}" vertweight="{"1 " * len(skin.rest)}"/>
        </skin>
      </deformable>
    </mujoco>""",
        pictures,
    )


def _mesh(name: str, solid: Solid) -> str:
    return (
        f'<mesh name="{name}" inertia="shell" vertex="{_numbers(solid.vertices * METRES)}"'
        f' normal="{_numbers(_welded_normals(solid))}" texcoord="{_numbers(solid.uv)}"'
        f' face="{" ".join(map(str, solid.faces.ravel()))}"/>'
    )


def _welded_normals(solid: Solid) -> np.ndarray:
    """-> (n, 3) smooth over the seams where a surface meets itself."""
    _, first, which = np.unique(solid.vertices.round(6), axis=0, return_index=True, return_inverse=True)
    which = which.ravel()
    return geometry.normals(solid.vertices[first], which[solid.faces])[which]


def _numbers(array: np.ndarray) -> str:
    return " ".join(f"{value:.6g}" for value in np.ravel(array))
