"""The shape of the twin: its skin at rest on FaceMesh's topology, refined for rendering, and the rigid parts around it.

One frame for everything: the canonical face's, in cm, x to the subject's left, y up, z to the camera.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..face.landmarks import CANONICAL, EYE_LEFT, EYE_RIGHT, INNER_LIP_RING, POINTS

# The lips in four rows, from the border of the red to the inner edge, each from the right corner to the left one.
UPPER_LIP_ROWS = np.array([
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291],
    [76, 184, 74, 73, 72, 11, 302, 303, 304, 408, 306],
    [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
])  # fmt: skip
LOWER_LIP_ROWS = np.array([
    [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291],
    [76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306],
    [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
    [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
])  # fmt: skip
# The lids of the right eye, outer to inner corner: the edge, then two rows of skin away from it.
UPPER_LID_ROWS = np.array([
    [246, 161, 160, 159, 158, 157, 173],
    [247, 30, 29, 27, 28, 56, 190],
    [113, 225, 224, 223, 222, 221, 189],
])  # fmt: skip
LOWER_LID_ROWS = np.array([
    [7, 163, 144, 145, 153, 154, 155],
    [25, 110, 24, 23, 22, 26, 112],
    [31, 228, 229, 230, 231, 232, 233],
])  # fmt: skip
# The rim of the face, clockwise in the picture from the top of the forehead.
OVAL = np.array(
    [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
     148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109]
)  # fmt: skip

TO_OTHER_SIDE = np.array([-1.0, 1.0, 1.0])
# (468,) the partner of each point on the other side of the face
MIRROR = np.linalg.norm(CANONICAL.vertices[:, None] * TO_OTHER_SIDE - CANONICAL.vertices, axis=2).argmin(axis=1)

FULLNESS = np.array([0.0, 0.3, 0.7, 1.0])  # how much of the inner edge's move to the contact line each lip row follows
CORNER_LIFT = 0.12  # cm that the resting corners of the mouth stand above the canonical, sterner ones
LID_OPENER = 0.15  # cm that the resting upper lid stands above the canonical, sleepier one


def _resting_skin() -> np.ndarray:
    """-> (468, 3) the canonical face, exactly symmetric, with the lips just touching and livelier eyes."""
    skin = (CANONICAL.vertices + CANONICAL.vertices[MIRROR] * TO_OTHER_SIDE) / 2
    upper, lower = UPPER_LIP_ROWS[:, 1:-1], LOWER_LIP_ROWS[:, 1:-1]
    contact = (skin[upper[3]] + skin[lower[3]]) / 2
    skin[upper] += FULLNESS[:, None, None] * (contact - skin[upper[3]])
    skin[lower] += FULLNESS[:, None, None] * (contact - skin[lower[3]])
    for row in (*UPPER_LIP_ROWS, *LOWER_LIP_ROWS[:, 1:-1]):
        skin[row, 1] += CORNER_LIFT * (skin[row, 0] / skin[UPPER_LIP_ROWS[0, 0], 0]) ** 2
    arch = np.sin(np.linspace(0.12, 0.88, 7) * np.pi)[:, None] * [0.0, LID_OPENER, 0.0]
    for row, share in zip(UPPER_LID_ROWS, (1.0, 0.7, 0.2), strict=True):
        skin[row] += share * arch
        skin[MIRROR[row]] += share * arch
    return skin


REST = _resting_skin()

EYE_RADIUS = 1.25  # cm
LID_RADIUS = EYE_RADIUS + 0.07  # cm, what the lids slide on
EYE_CENTRE_RIGHT = np.array([-3.17, 2.64, 2.62])
EYE_CENTRE_LEFT = EYE_CENTRE_RIGHT * TO_OTHER_SIDE
JAW_HINGE = np.array([0.0, -0.6, -1.5])


def clear_of_eyes(points: np.ndarray, radius: float = LID_RADIUS) -> np.ndarray:
    """points (n, 3) -> the same, those inside an eyeball of that radius pushed straight out to its surface."""
    for centre in (EYE_CENTRE_RIGHT, EYE_CENTRE_LEFT):
        arm = points - centre
        distance = np.linalg.norm(arm, axis=-1, keepdims=True)
        points = np.where(distance < radius, centre + arm * (radius / distance), points)
    return points


# ---------------------------------------------------------------------------------------------------------------------
# The skin that is drawn: the 468 points, hems sewn to its rims, all of it subdivided. Linear in the 468 points.


class Skin(NamedTuple):
    rest: np.ndarray  # (n, 3) cm, with REST
    spread: np.ndarray  # (n, 468) what each drawn vertex takes of each point's displacement from REST
    uv: np.ndarray  # (n, 2) 0..1, origin at the top left of the texture
    faces: np.ndarray  # (m, 3) vertex indices
    lids: np.ndarray  # (k,) the vertices that must stay clear of the eyeballs

    def follow(self, points: np.ndarray) -> np.ndarray:
        """points (468, 3) cm, from rig.skinned -> (n, 3) cm."""
        drawn = self.rest + self.spread @ (points - REST).astype(np.float32)
        drawn[self.lids] = clear_of_eyes(drawn[self.lids])
        return drawn


def skin(levels: int = 1) -> Skin:
    """The face mesh with its mouth and eyes cut open, hemmed, and subdivided that many times."""
    holes = [set(ring) for ring in (EYE_RIGHT, EYE_LEFT, INNER_LIP_RING)]
    faces = [tuple(t) for t in CANONICAL.triangles if not any(hole.issuperset(t) for hole in holes)]
    hems = [*_lip_hem(), *_eye_hem(EYE_RIGHT, EYE_CENTRE_RIGHT), *_eye_hem(EYE_LEFT, EYE_CENTRE_LEFT), *_rim_hem()]
    walked = {(int(t[k - 1]), int(t[k])) for t in faces for k in range(3)}
    root, offset, follow, uv = list(range(POINTS)), [np.zeros(3)] * POINTS, [1.0] * POINTS, list(CANONICAL.uv)
    for hem in hems:
        start, n = len(root), len(hem.ring)
        inner = range(start - n, start) if hem.onto_last else hem.ring.tolist()
        root += list(hem.ring)
        offset += list(hem.offset)
        follow += [hem.follow] * n
        uv += list(hem.uv)
        for k in range(n):
            a, b, c, d = inner[k], inner[(k + 1) % n], start + k, start + (k + 1) % n
            if (a, b) in walked:  # a neighbour must walk their common edge the other way
                a, b, c, d = b, a, d, c
            faces += [(a, b, c), (b, d, c)]
            walked |= {(a, b), (b, d), (d, c), (c, a)}
    rest = REST[root] + np.array(offset)
    spread = np.zeros((len(root), POINTS))
    spread[np.arange(len(root)), root] = follow
    creases = {_edge(ring[k], ring[k - 1]) for ring in (INNER_LIP_RING, EYE_RIGHT, EYE_LEFT) for k in range(len(ring))}
    uv_array, mesh, lid_share = np.array(uv), np.array(faces), np.zeros(len(root))
    lid_points = np.concatenate([EYE_RIGHT, UPPER_LID_ROWS[1], LOWER_LID_ROWS[1]])
    lid_share[lid_points] = lid_share[MIRROR[lid_points]] = 1.0
    for _ in range(levels):
        rows, mesh, creases = subdivision(mesh, len(rest), creases)
        rest, spread, lid_share = rows @ rest, rows @ spread, rows @ lid_share
        uv_array = rows @ uv_array
    lids = np.nonzero(lid_share > 0.3)[0]
    return Skin(rest.astype(np.float32), spread.astype(np.float32), np.clip(uv_array, 0, 1), mesh, lids)


class _Hem(NamedTuple):
    """A strip of skin sewn to a ring of points, or onto the hem before it, to hide what is behind the rim."""

    ring: np.ndarray  # (n,) the points it hangs from
    offset: np.ndarray  # (n, 3) cm from those points
    uv: np.ndarray  # (n, 2)
    follow: float  # 0..1, how much of the points' displacement it takes
    onto_last: bool = False  # sewn to the hem before it instead of to the points


def _lip_hem() -> list[_Hem]:
    """The wet inside of the lips: back towards the teeth, away from the other lip."""
    ring = np.array(INNER_LIP_RING)
    middle = CANONICAL.uv[ring].mean(axis=0)
    away = np.where(np.isin(ring, UPPER_LIP_ROWS[3, 1:-1]), 1.0, np.where(np.isin(ring, LOWER_LIP_ROWS), -1.0, 0.0))
    hems: list[_Hem] = []
    for depth, height, towards_middle in ((0.28, 0.12, 0.5), (0.55, 0.75, 0.9)):
        offset = np.stack([-0.02 * REST[ring, 0], height * away, np.full(len(ring), -depth)], axis=1)
        uv = CANONICAL.uv[ring] + towards_middle * (middle - CANONICAL.uv[ring])
        hems.append(_Hem(ring, offset, uv, 1.0, onto_last=len(hems) > 0))
    return hems


def _eye_hem(ring_points: list[int], centre: np.ndarray) -> list[_Hem]:
    """The thickness of the lids: from their edge in towards the eyeball."""
    ring = np.array(ring_points)
    inward = centre - REST[ring]
    inward *= 0.3 / np.linalg.norm(inward, axis=1, keepdims=True)
    inward[np.isin(ring, [UPPER_LID_ROWS[0], MIRROR[UPPER_LID_ROWS[0]]]), 1] = 0.06  # out of the lower lid's way
    inward[np.isin(ring, [LOWER_LID_ROWS[0], MIRROR[LOWER_LID_ROWS[0]]]), 1] = 0.03  # a waterline
    inward[:, 2] -= 0.1
    middle = CANONICAL.uv[ring].mean(axis=0)
    return [_Hem(ring, inward, CANONICAL.uv[ring] + 0.35 * (middle - CANONICAL.uv[ring]), 1.0)]


def _rim_hem() -> list[_Hem]:
    """Around the face: tucked under the skull shell above, round the jaw and on to the neck below."""
    rim = REST[OVAL]
    x, y, z = rim.T
    under = smoothstep((0.5 - y) / 5.0)[:, None]  # 1 along the jaw, 0 over the ears
    round_the_jaw = np.stack([-0.10 * x, 0.02 + 0 * y, -1.0 + 0 * z], axis=1)
    under_the_shell = np.stack([0.02 * x, 0.02 * y, -0.5 + 0 * z], axis=1)
    to_the_neck = np.stack([-0.38 * x, -6.2 - y, -3.0 - z], axis=1)
    into_the_skull = np.stack([0 * x, 0 * y, -2.0 + 0 * z], axis=1)
    near = under * round_the_jaw + (1 - under) * under_the_shell
    far = under * to_the_neck + (1 - under) * into_the_skull
    uv = CANONICAL.uv[OVAL]
    return [_Hem(OVAL, near, uv, 0.9), _Hem(OVAL, far, uv, 0.25, onto_last=True)]


def _edge(a: int, b: int) -> tuple[int, int]:
    return (int(a), int(b)) if a < b else (int(b), int(a))


def subdivision(
    faces: np.ndarray, points: int, creases: set[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray, set[tuple[int, int]]]:
    """Loop's rule, rims and creases staying the curves they are. -> (n, points) rows, (m, 3) new faces, new creases."""
    opposite: dict[tuple[int, int], list[int]] = {}
    for a, b, c in faces:
        for edge, other in ((_edge(a, b), c), (_edge(b, c), a), (_edge(c, a), b)):
            opposite.setdefault(edge, []).append(int(other))
    sharp = {edge for edge, others in opposite.items() if len(others) == 1} | (creases & opposite.keys())
    number = {edge: points + k for k, edge in enumerate(opposite)}
    rows = np.zeros((points + len(opposite), points))
    ring: list[list[int]] = [[] for _ in range(points)]
    curve: list[list[int]] = [[] for _ in range(points)]
    for (a, b), others in opposite.items():
        ring[a].append(b)
        ring[b].append(a)
        row = rows[number[a, b]]
        if (a, b) in sharp:
            curve[a].append(b)
            curve[b].append(a)
            row[[a, b]] = 0.5
        else:
            row[[a, b]] = 0.375
            row[others] += 0.125
    for i in range(points):
        if curve[i]:
            rows[i, i] = 0.75
            rows[i, curve[i]] = 0.25 / len(curve[i])
        else:
            n = len(ring[i])
            pull = (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / n)) ** 2) / n
            rows[i, i] = 1 - n * pull
            rows[i, ring[i]] = pull
    finer = []
    for a, b, c in faces:
        x, y, z = number[_edge(a, b)], number[_edge(b, c)], number[_edge(c, a)]
        finer += [(a, x, z), (x, b, y), (z, y, c), (x, y, z)]
    halves = {_edge(end, number[edge]) for edge in creases & opposite.keys() for end in edge}
    return rows, np.array(finer), halves


def smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)


def normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """vertices (n, 3), faces (m, 3) -> (n, 3) unit normals, faces weighted by their area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    corners = faces.T.ravel()
    summed = np.stack([np.bincount(corners, np.tile(across[:, k], 3), len(vertices)) for k in range(3)], axis=1)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# The rigid parts.


class Solid(NamedTuple):
    vertices: np.ndarray  # (n, 3) cm
    uv: np.ndarray  # (n, 2) 0..1, origin at the top left of a texture
    faces: np.ndarray  # (m, 3)


def loft(rings: np.ndarray, inside: np.ndarray, closed: bool = True) -> Solid:
    """rings (r, n, 3) -> a surface through them, facing away from the point inside (3,).

    uv: x along the ring, y from the first ring to the last.
    """
    r, n, _ = rings.shape
    if closed:
        rings = np.concatenate([rings, rings[:, :1]], axis=1)
        n += 1
    vertices = rings.reshape(-1, 3)
    index = np.arange(r * n).reshape(r, n)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    if np.sum(normals(vertices, faces) * (vertices - inside)) < 0:
        faces = faces[:, ::-1]
    across, along = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, r))
    return Solid(vertices, np.stack([across.ravel(), along.ravel()], 1), faces)


def _stack(shape: tuple[tuple[float, float, float], ...], z: float) -> np.ndarray:
    """shape: height, half width, half depth of level ellipses, cm -> (r, 48, 3)."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    return np.array([np.stack([w * np.sin(turn), y + 0 * turn, z + d * np.cos(turn)], axis=1) for y, w, d in shape])


def eyeball(centre: np.ndarray) -> Solid:
    """About that point (3,), looking along z. uv: polar around the pupil, 0.5 from the middle is a quarter turn."""
    tilt = np.linspace(0, np.pi, 25)[:, None]
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    bulge = 1 + 0.035 * smoothstep((0.5 - tilt) / 0.5)  # the cornea
    shape = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt) + 0 * turn], axis=2)
    solid = loft(centre + EYE_RADIUS * bulge[:, :, None] * shape, centre)
    flat = np.minimum(tilt / np.pi, 0.5)
    turn = np.linspace(0, 2 * np.pi, 41)
    uv = np.stack([0.5 + flat * np.cos(turn), 0.5 - flat * np.sin(turn)], axis=2).reshape(-1, 2)
    return solid._replace(uv=uv)


def teeth(upper: bool) -> Solid:
    """One row of teeth: a band along a parabola, gum to edge. uv: x along the arch, y from gum (0) to edge (1)."""
    across = np.linspace(-2.35, 2.35, 113)  # cm
    front = (4.72 if upper else 4.45) - 0.36 * across**2 * (1.0 if upper else 1.12)
    teeth_across = across / (0.86 if upper else 0.62)  # widths, cm, of a front tooth
    notch = np.abs(np.sin(np.pi * teeth_across)) ** 0.5  # 0 between two teeth
    gum, edge = (-2.9, -4.48) if upper else (-5.75, -4.62)
    profile = ((0, -0.25), (0.3, 0.03), (0.45, 0.1), (0.75, 0.1), (0.95, 0), (1, -0.1), (0.95, -0.4))
    rings = []
    for height, depth in profile:  # 0 at the gum to 1 at the edge, and cm forwards
        y = gum + height * (edge - gum) + 0.05 * (1 - notch) * height * (1.0 if upper else -1.0)
        y = y + (0.10 if upper else -0.06) * (across / 2.0) ** 2
        z = front + depth - 0.05 * (1 - notch)
        rings.append(np.stack([across, y, z], axis=1))
    return loft(np.array(rings), np.array([0.0, -4.5, 0.0]), closed=False)


@cache
def _seam() -> np.ndarray:
    """-> (72, 3) the rim of the face as a smooth closed curve, from the top, the subject's left side first."""
    closed = np.concatenate([REST[OVAL], REST[OVAL[:1]]])
    at = np.linspace(0, len(OVAL), 72, endpoint=False)
    curve = np.stack([np.interp(at, np.arange(len(closed)), closed[:, k]) for k in range(3)], axis=1)
    for _ in range(3):
        curve = curve / 2 + (np.roll(curve, 1, axis=0) + np.roll(curve, -1, axis=0)) / 4
    return curve


SKULL_CENTRE = np.array([0.0, 1.8, 0.0])


def skull() -> Solid:
    """The shell around the back of the head: it frames the face, from the seam at its rim to the nape.

    uv: x around the head from the top, the subject's left side first; y from the seam (0) to the back (1).
    """
    seam = _seam()
    arm = (seam - SKULL_CENTRE) * [1, 1, 0]
    length = np.linalg.norm(arm, axis=1, keepdims=True)
    low = smoothstep((-1.5 - seam[:, 1:2]) / 4.5)  # below the ears the shell hides behind the jaw
    heading = np.arctan2(arm[:, 0], arm[:, 1])
    tall = np.where(np.cos(heading) > 0, 10.6, 7.0)
    round_head = np.stack([8.75 * np.sin(heading), tall * np.cos(heading), 0 * heading], axis=1)
    rings = [arm * 0.97]
    rings[0][:, 2] = seam[:, 2] - 0.5
    for step in np.linspace(0, 1, 24):
        grow = np.sin(np.pi / 2 * min(1.0, step / 0.42)) ** 0.8
        outline = arm * (1 + 0.16 / length) * (1 - grow) + round_head * grow
        outline *= np.sqrt(max(0.0, 1 - max(0.0, (step - 0.42) / 0.58) ** 2.2)) * (1 - 0.22 * low)
        outline[:, 2] = seam[:, 2] * (1 - step) ** 1.5 - 11.8 * step**1.15
        rings.append(outline)
    return loft(SKULL_CENTRE + np.array(rings), np.array([0.0, 1.8, -4.0]))


def trim() -> Solid:
    """A thin round bead that closes the seam between the face and the shell, from ear to ear over the forehead."""
    curve = _seam()
    over = np.roll(curve, 20, axis=0)[3:38]
    along = np.gradient(over, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    out = (over - SKULL_CENTRE) * [1, 1, 0]
    out -= along * np.sum(out * along, axis=1, keepdims=True)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.cross(along, out)
    turns = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    rings = [over + out * (0.06 + 0.13 * np.cos(t)) + up * 0.13 * np.sin(t) for t in turns]
    return loft(np.array(rings + rings[:1]).transpose(1, 0, 2), np.zeros(3), closed=False)


def ear(side: float) -> Solid:
    """side -1 right, 1 left. A bowl with a raised rim and a lobe, leaning out from the head."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    outline = np.stack([np.sin(turn), np.cos(turn)], axis=1) * [1.25, 2.25]  # depth, height, cm
    outline[:, 0] *= 1 + 0.25 * np.cos(turn)  # wider above than at the lobe
    profile = (
        (0.92, -1.2),
        (1, -0.2),
        (1.03, 0.12),
        (0.95, 0.2),
        (0.84, 0.1),
        (0.6, -0.25),
        (0.3, -0.35),
        (0.02, -0.3),
    )
    rings = []
    for reach, lift in profile:  # of the outline, and cm outwards
        depth, height = (outline * reach).T
        away = lift + 0.40 * (0.5 - depth / 2.5)  # the back edge stands out more than the front
        high = height / 2.25
        away += 0.30 * high - 0.9 * np.clip(high - 0.35, 0, 1) ** 2 - 0.3 * np.clip(-high, 0, 1) ** 2  # the lobe least
        rings.append(np.stack([side * (8.25 + away), 0.9 + height, -2.6 + depth], axis=1))
    return loft(np.array(rings), np.array([side * 6.0, 0.9, -2.6]))


def neck() -> Solid:
    shape = ((-5.0, 5.0, 4.6), (-7.0, 4.7, 4.4), (-10.0, 4.6, 4.3), (-13.0, 4.8, 4.4))
    return loft(_stack(shape, z=-4.7), np.array([0.0, -9.0, -4.7]))


def collar() -> Solid:
    shape = ((-13.2, 4.7, 4.3), (-12.4, 4.9, 4.5), (-12.2, 5.15, 4.8), (-12.4, 5.45, 5.1), (-13.4, 5.7, 5.3),
             (-14.2, 6.3, 5.7), (-15.2, 8.6, 6.8), (-16.2, 13.0, 7.8), (-18.5, 16.0, 8.5))  # fmt: skip
    return loft(_stack(shape, z=-4.9), np.array([0.0, -15.0, -4.9]))
