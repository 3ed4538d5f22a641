"""The linkage: eleven servo positions to the 468 points of the skin. Pure geometry, left and right exactly alike.

The lips, lids and brows are moved explicitly, as the rods and cables behind the silicone would. The skin between them
and what is held to the skull bends like a thin plate. Lips and lids touch, and never pass through each other.
"""

import numpy as np

from ..face.landmarks import BROW_RIGHT, CANONICAL, EYE_RIGHT, POINTS
from .geometry import (
    EYE_CENTRE_RIGHT,
    FULLNESS,
    JAW_HINGE,
    LOWER_LID_ROWS,
    LOWER_LIP_ROWS,
    MIRROR,
    OVAL,
    REST,
    TO_OTHER_SIDE,
    UPPER_LID_ROWS,
    UPPER_LIP_ROWS,
    clear_of_eyes,
    smoothstep,
)

MOTORS = (
    "brow_outer",  # 0 lowered, 1 raised
    "brow_inner",  # 0 lowered and drawn together, 1 raised
    "lid_upper",  # 0 on the lower lid, 1 wide open
    "lid_lower",  # 0 lowered, 1 raised
    "jaw",  # 0 closed, 1 wide open
    "lip_upper",  # 0 pressed down, 1 raised from the teeth
    "lip_lower",  # 0 pressed up, 1 lowered from the teeth
    "corner_raise",  # 0 down, 1 up in a smile
    "corner_stretch",  # 0 narrow, 1 wide
    "lip_protrude",  # 0 at rest, 1 forward and rounded
    "lip_roll",  # 0 at rest, 1 rolled in and sealed
)
NEUTRAL = np.array([0.40, 0.40, 0.55, 0.45, 0.0, 0.35, 0.35, 0.45, 0.50, 0.0, 0.0])

# What each motor drives at 0 and at 1, in cm from neutral.
BROW_OUTER = (-0.50, 0.95)
BROW_INNER = (-0.60, 0.95)
BROW_TOGETHER = 0.32  # cm that the inner ends of the brows meet when lowered
LID_LOWER = (-0.22, 0.28)
LIP_UPPER = (-0.30, 0.75)
LIP_LOWER = (0.40, -0.85)
CORNER_RAISE = (-0.70, 0.80)
CORNER_STRETCH = (-0.75, 0.75)
JAW_ANGLE = 0.355  # rad
JAW_SLIDE = np.array([0.0, -0.05, 0.15])  # cm, the joint's way forward when wide open
PROTRUSION = 1.05  # cm
ROLL_SEALS = 0.80  # cm of gap that a full roll closes

# The lips: one number for each of the four rows, from the border of the red to the inner edge ...
POUT_FORWARD = np.array([0.80, 1.00, 1.05, 1.00])[:, None]  # share of the protrusion
POUT_NARROWS = np.array([0.09, 0.14, 0.19, 0.25])[:, None]  # share of the width
POUT_TURNS = np.array([1.0, 0.85, 0.50, 0.0])[:, None]  # share of POUT_FULL
POUT_FULL = (0.16, 0.26)  # cm by which pouting lips turn outwards, upper and lower
POUT_ROUND = 0.35  # share of its gap by which the corners of a pouting mouth sink, towards a circle
POUT_DOWN = 0.12  # cm, over the teeth
ROLL_THINS = np.array([0.55, 0.68, 0.80, 0.0])[:, None]  # share of the height over the inner edge that rolls away
ROLL_BACK = np.array([0.18, 0.42, 0.48, 0.22])[:, None]  # cm
# ... and for each of the eleven columns, from the right corner to the left one.
ACROSS = np.linspace(-1, 1, 11)
COLUMN = np.abs(ACROSS)
MIDDLE_LED = (1 - COLUMN**2.2) ** 0.8  # how the lips follow their own motors
CORNER_LED_UP = COLUMN**1.7  # how they follow their corners
CORNER_LED_OUT = COLUMN**1.15
JAW_LED = (1 - COLUMN**3) ** 0.7  # how the lower lip follows the jaw
CORNERS_HANG = 0.42  # share of the jaw's fall that the corners take
CORNERS_BACK = 0.45  # cm back along the teeth for each cm outwards
JAW_DRAWS_IN = 0.30  # cm that the corners move in
PRELOAD = 0.06  # cm by which resting lips press on each other

BROWS = np.array([BROW_RIGHT[:5], BROW_RIGHT[5:]])  # upper and lower edge, outer to inner
OUTER_SHARE = np.array([1.0, 0.95, 0.70, 0.30, 0.0])  # of each brow column, the rest is the inner motor's

LID_FOLLOW = (1.0, 0.55, 0.10)  # how each row of lid skin turns with the lid's edge
LID_ARM = 1.3  # cm from the edge of a lid to its axis
LIDS = np.concatenate([EYE_RIGHT, UPPER_LID_ROWS[1:].ravel(), LOWER_LID_ROWS[1:].ravel()])


def skinned(positions: np.ndarray) -> np.ndarray:
    """positions (11,) of the servos, 0..1 -> (468, 3) cm in the face's frame."""
    travel = dict(zip(MOTORS, np.clip(positions, 0.0, 1.0).tolist(), strict=True))
    fall = _jaw(REST, travel["jaw"]) - REST
    skin = REST + JAW_SHARE * fall
    skin += AROUND_LIPS @ (_lips(travel, fall)[LIPS] - skin[LIPS])
    skin += AROUND_BROWS @ _brow_moves(travel)
    return _with_lids(skin, travel)


def stroke(travel: dict[str, float], motor: str, reach: tuple[float, float]) -> float:
    """-> cm from neutral that a motor drives, given what it drives at 0 and at 1."""
    neutral = NEUTRAL[MOTORS.index(motor)]
    beyond = travel[motor] - neutral
    return reach[0] * -beyond / neutral if beyond < 0 else reach[1] * beyond / (1 - neutral)


def jaw_rotation(opening: float) -> np.ndarray:
    """opening 0..1 -> (3, 3)."""
    c, s = np.cos(JAW_ANGLE * opening), np.sin(JAW_ANGLE * opening)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def _jaw(points: np.ndarray, opening: float) -> np.ndarray:
    """points (n, 3) of the jaw at rest, opening 0..1 -> where they are then."""
    return (points - JAW_HINGE) @ jaw_rotation(opening).T + JAW_HINGE + opening * JAW_SLIDE


def _lips(travel: dict[str, float], fall: np.ndarray) -> np.ndarray:
    """fall (468, 3) cm: how far each point falls if it is the jaw's -> (468, 3) cm, of which only the lips count."""
    corners = _corner_moves(travel)
    upper = REST[UPPER_LIP_ROWS] + corners
    lower = REST[LOWER_LIP_ROWS] + corners
    upper += fall[UPPER_LIP_ROWS] * (CORNERS_HANG * COLUMN**2)[:, None]
    lower += fall[LOWER_LIP_ROWS] * (CORNERS_HANG + (1 - CORNERS_HANG) * JAW_LED)[:, None]
    up = stroke(travel, "lip_upper", LIP_UPPER) * MIDDLE_LED
    down = stroke(travel, "lip_lower", LIP_LOWER) * MIDDLE_LED
    upper += np.stack([0 * up, up, -0.10 * np.maximum(up, 0)], axis=1)  # back over the gum when raised
    lower += np.stack([0 * down, down, 0.05 * np.minimum(down, 0)], axis=1)
    _pout(upper, lower, travel["lip_protrude"])
    _meet(upper, lower, travel["lip_roll"])
    face = REST.copy()
    face[UPPER_LIP_ROWS] = upper
    face[LOWER_LIP_ROWS[:, 1:-1]] = lower[:, 1:-1]
    return face


def _corner_moves(travel: dict[str, float]) -> np.ndarray:
    """-> (11, 3) cm by which the corners' rods and the jaw's pull on the cheeks move each lip column."""
    up = stroke(travel, "corner_raise", CORNER_RAISE)
    out = stroke(travel, "corner_stretch", CORNER_STRETCH)
    sideways = (out - JAW_DRAWS_IN * travel["jaw"]) * CORNER_LED_OUT
    return np.stack([np.sign(ACROSS) * sideways, up * CORNER_LED_UP, -CORNERS_BACK * sideways], axis=1)


def _pout(upper: np.ndarray, lower: np.ndarray, amount: float) -> None:
    """Draws the lips (4, 11, 3), in place, together like a purse, pushes them forward and turns them outwards."""
    gap = np.maximum(upper[3] - lower[3], 0)[:, 1].max()
    sag = POUT_DOWN + POUT_ROUND * gap * COLUMN**2
    for lip, out in ((upper, POUT_FULL[0]), (lower, -POUT_FULL[1])):
        lip[..., 0] *= 1 - amount * POUT_NARROWS
        lip[..., 1] += amount * (out * POUT_TURNS * (1 - COLUMN**2) - sag)
        lip[..., 2] += amount * PROTRUSION * POUT_FORWARD * (1 - 0.62 * COLUMN**2)


def _meet(upper: np.ndarray, lower: np.ndarray, roll: float) -> None:
    """Brings the lips (4, 11, 3), in place, into contact where they would pass each other, and rolls them in."""
    wanted = upper[3, :, 1] - lower[3, :, 1] - PRELOAD
    gap = contact(wanted - roll * ROLL_SEALS * (1 - COLUMN**4), PRELOAD)
    gap[[0, -1]] = 0.0  # the corners are one point
    near = 1 - smoothstep(gap / 0.5)[:, None]
    middle = (upper[3] + lower[3]) / 2
    for lip, side in ((upper, 0.5), (lower, -0.5)):
        edge = lip[3] + near * (middle - lip[3])
        edge[:, 1] = middle[:, 1] + side * gap
        lip += FULLNESS[:, None, None] * (edge - lip[3])
        lip[..., 1] += roll * ROLL_THINS * (lip[3, :, 1] - lip[..., 1]) * (1 - COLUMN**4)
        lip[..., 2] -= roll * ROLL_BACK * (1 - 0.7 * COLUMN**2)


def contact(gap: np.ndarray, soft: float) -> np.ndarray:
    """A gap that may be negative -> one that may not, smoothly: 0 up to -soft, itself from soft on."""
    return np.where(gap > soft, gap, np.clip(gap + soft, 0, None) ** 2 / (4 * soft))


def _brow_moves(travel: dict[str, float]) -> np.ndarray:
    """-> (20, 3) cm, right brow then left one, in the order of BROW_POINTS."""
    inner = stroke(travel, "brow_inner", BROW_INNER)
    up = OUTER_SHARE * stroke(travel, "brow_outer", BROW_OUTER) + (1 - OUTER_SHARE) * inner
    together = BROW_TOGETHER * max(0.0, inner / BROW_INNER[0]) * (1 - OUTER_SHARE) ** 1.5
    back = np.where(up > 0, 0.32, 0.10) * up  # along the forehead
    moves = np.tile(np.stack([together, up, -back], axis=1), (2, 1))
    return np.concatenate([moves, moves * TO_OTHER_SIDE])


def _with_lids(skin: np.ndarray, travel: dict[str, float]) -> np.ndarray:
    """skin (468, 3) cm -> the same with the lids turned about the eyeballs, and in contact where they meet."""
    upper_rest, lower_rest = _angle(REST[UPPER_LID_ROWS[0]]), _angle(REST[LOWER_LID_ROWS[0]])
    opening = upper_rest - lower_rest
    lower = lower_rest + stroke(travel, "lid_lower", LID_LOWER) / LID_ARM * opening / opening.max()
    wide = lower_rest + opening / NEUTRAL[MOTORS.index("lid_upper")]
    upper = lower + (wide - lower) * travel["lid_upper"]
    for rows, turn in ((UPPER_LID_ROWS, upper - upper_rest), (LOWER_LID_ROWS, lower - lower_rest)):
        for row, follow in zip(rows, LID_FOLLOW, strict=True):
            skin[row] += _turned(REST[row], follow * turn) - REST[row]
    skin[LIDS] = clear_of_eyes(skin[LIDS])
    edge, other = skin[UPPER_LID_ROWS[0]], skin[LOWER_LID_ROWS[0]]
    gap = np.maximum(edge[:, 1] - other[:, 1], 0.0)
    edge += (1 - smoothstep(gap / 0.3))[:, None] * (other - edge)
    edge[:, 1] = other[:, 1] + gap
    skin[UPPER_LID_ROWS[0]] = edge
    skin[MIRROR[LIDS]] = skin[LIDS] * TO_OTHER_SIDE
    return skin


def _angle(points: np.ndarray) -> np.ndarray:
    """points (n, 3) near the right eye -> (n,) rad above the eyeball's horizon."""
    return np.arctan2(points[:, 1] - EYE_CENTRE_RIGHT[1], points[:, 2] - EYE_CENTRE_RIGHT[2])


def _turned(points: np.ndarray, up: np.ndarray) -> np.ndarray:
    """points (n, 3) near the right eye, up (n,) rad -> turned about the eyeball's horizontal axis."""
    arm = points - EYE_CENTRE_RIGHT
    c, s = np.cos(up), np.sin(up)
    turned = np.stack([arm[:, 0], c * arm[:, 1] + s * arm[:, 2], c * arm[:, 2] - s * arm[:, 1]], axis=1)
    return EYE_CENTRE_RIGHT + turned


# ---------------------------------------------------------------------------------------------------------------------
# How the skin between driven and held points follows them, solved once.


def _bending() -> np.ndarray:
    """-> (468, 468): the difference between each point and the mean of its neighbours, alike on both sides."""
    near = np.zeros((POINTS, POINTS))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        start, end = CANONICAL.triangles[:, a], CANONICAL.triangles[:, b]
        length = np.linalg.norm(CANONICAL.vertices[start] - CANONICAL.vertices[end], axis=1)
        near[start, end] = near[end, start] = 1 / length
    near = np.maximum(near, near[MIRROR][:, MIRROR])
    return np.eye(POINTS) - near / near.sum(axis=1, keepdims=True)


def _follow(driven: np.ndarray, held: np.ndarray, plate: bool) -> np.ndarray:
    """-> (468, len(driven)): what each point takes of the driven points' displacements while the held ones stay.

    plate: the skin resists bending, as a thin plate; otherwise only stretching, as a membrane.
    """
    bending = _bending()
    energy = bending.T @ bending if plate else bending
    free = np.setdiff1d(np.arange(POINTS), np.concatenate([driven, held]))
    share = np.zeros((POINTS, len(driven)))
    share[driven, np.arange(len(driven))] = 1.0
    share[free] = np.linalg.solve(energy[np.ix_(free, free)], -energy[np.ix_(free, driven)])
    return share


def _where(mask: np.ndarray) -> np.ndarray:
    return np.nonzero(mask)[0]


_X, _Y = np.abs(REST[:, 0]), REST[:, 1]
_NOSE = _where((_X < 1.75) & (_Y > -2.35) & (_Y < 3.0))
_EYES = np.concatenate([EYE_RIGHT, UPPER_LID_ROWS[1], LOWER_LID_ROWS[1]])
_CHIN = _where((_Y < -6.6) | ((_X < 2.4) & (_Y < -5.9)))
_BELOW_THE_EARS = np.array([58, 172, 288, 397])

LIPS = np.unique(np.concatenate([UPPER_LIP_ROWS, LOWER_LIP_ROWS]))
AROUND_LIPS = _follow(LIPS, np.concatenate([OVAL, _NOSE, _where((_Y > 1.6) | (_Y < -7.3))]), plate=True)

BROW_POINTS = np.concatenate([BROWS.ravel(), MIRROR[BROWS.ravel()]])
AROUND_BROWS = _follow(
    BROW_POINTS,
    np.concatenate([OVAL, _EYES, MIRROR[_EYES], _where((_Y < 1.8) | ((_X < 0.8) & (_Y < 3.4)))]),
    plate=True,
)

JAW_SHARE = _follow(  # (468, 1) of the jaw's turn
    np.unique(np.concatenate([_CHIN, LOWER_LIP_ROWS[:, 1:-1].ravel(), _BELOW_THE_EARS])),
    np.concatenate([UPPER_LIP_ROWS[:, 1:-1].ravel(), _NOSE, _where(_Y > -0.6)]),
    plate=False,
).sum(axis=1, keepdims=True)
