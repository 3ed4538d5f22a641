"""What the twin is painted with: skin, eyes and teeth, drawn by Pillow in memory. The same picture every time."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..face.landmarks import BROW_RIGHT, CANONICAL, EYE_RIGHT, INNER_LIP_RING
from .geometry import LOWER_LID_ROWS, LOWER_LIP_ROWS, MIRROR, UPPER_LID_ROWS, UPPER_LIP_ROWS, smoothstep

Colour = tuple[int, int, int]
Stroke = Callable[[ImageDraw.ImageDraw, list[tuple[float, float]]], None]  # (brush, pixels)

SILICONE = (226, 180, 156)
BLUSH = (208, 112, 96)
SHADE = (150, 92, 74)
LIGHT = (246, 214, 194)
LIP = (190, 96, 92)
LIP_DARK = (120, 44, 46)
MOUTH = (92, 28, 32)
BROW = (66, 44, 34)
LASH = (38, 24, 22)

SKIN_SIZE, EYE_SIZE, TEETH_SIZE = 1024, 512, (1024, 128)  # pixels


class Canvas:
    """A texture under the brush. Points are FaceMesh's; everything is painted on both sides of the face."""

    def __init__(self, size: int, ground: Colour) -> None:
        self.size = size
        self.image = Image.new("RGB", (size, size), ground)
        self._at = CANONICAL.uv * size

    def area(self, points: Sequence[int], colour: Colour, strength: float, soft: float) -> None:
        """Fills a polygon. strength 0..1, soft: pixels of blur."""
        self._both(lambda brush, at: brush.polygon(at, fill=255), points, colour, strength, soft)

    def line(self, points: Sequence[int], colour: Colour, strength: float, soft: float, width: int) -> None:
        self._both(lambda brush, at: brush.line(at, fill=255, width=width, joint="curve"), points, colour, strength, soft)

    def spot(self, points: Sequence[int], colour: Colour, strength: float, soft: float, radius: float) -> None:
        def draw(brush: ImageDraw.ImageDraw, at: list[tuple[float, float]]) -> None:
            for x, y in at:
                brush.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)

        self._both(draw, points, colour, strength, soft)

    def _both(self, draw: Stroke, points: Sequence[int], colour: Colour, strength: float, soft: float) -> None:
        mask = Image.new("L", (self.size, self.size), 0)
        brush = ImageDraw.Draw(mask)
        for side in (np.asarray(points), MIRROR[np.asarray(points)]):
            draw(brush, [(float(x), float(y)) for x, y in self._at[side]])
        mask = mask.filter(ImageFilter.GaussianBlur(soft)).point(lambda value: int(value * strength))
        self.image.paste(Image.new("RGB", mask.size, colour), (0, 0), mask)


def skin() -> bytes:
    """-> PNG, in the canonical uv."""
    canvas = Canvas(SKIN_SIZE, SILICONE)
    _complexion(canvas)
    _eye_sockets(canvas)
    _nose(canvas)
    _mouth(canvas)
    _brows(canvas)
    grain = np.random.default_rng(7).normal(0, 1, (SKIN_SIZE, SKIN_SIZE))
    pores = np.asarray(canvas.image, dtype=float) + 2.0 * grain[:, :, None]
    return _png(Image.fromarray(np.clip(pores, 0, 255).astype(np.uint8)))


def _complexion(canvas: Canvas) -> None:
    canvas.spot([205, 50], BLUSH, 0.30, 45, 62)
    canvas.spot([9, 151], LIGHT, 0.35, 60, 90)
    canvas.spot([199], LIGHT, 0.30, 26, 30)
    canvas.spot([117, 118], LIGHT, 0.25, 24, 30)
    canvas.area([234, 93, 132, 58, 172, 136, 135, 138, 215, 177, 137, 227], SHADE, 0.22, 32)
    canvas.line([132, 58, 172, 136, 150, 149, 176, 148, 152], SHADE, 0.45, 9, 14)
    canvas.area([127, 162, 21, 54, 68, 139, 34], SHADE, 0.12, 30)


def _eye_sockets(canvas: Canvas) -> None:
    upper, crease, orbit = (list(row) for row in UPPER_LID_ROWS)
    lower, bag, _ = (list(row) for row in LOWER_LID_ROWS)
    canvas.area([*orbit, 244, *LOWER_LID_ROWS[1][::-1], 226], SHADE, 0.38, 14)
    canvas.area([130, *crease, 243, *upper[::-1]], (176, 112, 94), 0.45, 6)
    canvas.line([*crease], (122, 72, 58), 0.55, 3, 4)
    canvas.line(bag, (168, 108, 92), 0.40, 5, 5)
    canvas.area(EYE_RIGHT, (150, 84, 78), 1.0, 2)
    canvas.line([133, *lower[::-1], 33], (176, 104, 98), 0.9, 2, 5)
    canvas.line([33, *upper, 133], LASH, 1.0, 1.6, 9)
    canvas.line([33, *lower[:4]], LASH, 0.45, 2, 4)


def _nose(canvas: Canvas) -> None:
    canvas.line([6, 197, 195, 5, 4], LIGHT, 0.55, 12, 18)
    canvas.spot([4, 1], (224, 150, 128), 0.35, 16, 24)
    canvas.line([193, 122, 196, 3, 236, 198], SHADE, 0.30, 11, 14)
    canvas.line([129, 64, 98, 97], SHADE, 0.45, 6, 9)
    canvas.area([79, 239, 238, 20, 60, 75, 59, 166], (62, 26, 24), 0.92, 4)
    canvas.line([129, 203, 206, 216], SHADE, 0.28, 9, 9)


def _mouth(canvas: Canvas) -> None:
    canvas.line([2, 164, 0], SHADE, 0.22, 7, 12)
    canvas.area([18, 83, 182, 200], SHADE, 0.22, 12)
    outline = [*UPPER_LIP_ROWS[0], *LOWER_LIP_ROWS[0][-2:0:-1]]
    canvas.area(outline, LIP, 0.92, 4.5)
    canvas.area([*UPPER_LIP_ROWS[0], *UPPER_LIP_ROWS[2][::-1]], (166, 78, 76), 0.35, 5)
    canvas.area([90, 180, 85, 16, 86, 179, 89], (216, 130, 122), 0.45, 6)
    canvas.area(INNER_LIP_RING, MOUTH, 1.0, 2)
    canvas.line(list(UPPER_LIP_ROWS[3]), LIP_DARK, 0.85, 2, 5)
    canvas.line(list(LOWER_LIP_ROWS[3]), LIP_DARK, 0.55, 2, 4)
    canvas.spot([61], (150, 84, 74), 0.5, 5, 6)


def _brows(canvas: Canvas) -> None:
    """Single hairs over a soft ground, leaning outwards, thinner at the tail."""
    upper, lower = np.array(BROW_RIGHT[:5])[::-1], np.array(BROW_RIGHT[5:])[::-1]  # inner to outer
    canvas.area([*BROW_RIGHT[:5], *BROW_RIGHT[:4:-1]], BROW, 0.55, 6)
    rng = np.random.default_rng(11)
    mask = Image.new("L", canvas.image.size, 0)
    brush = ImageDraw.Draw(mask)
    at, columns = CANONICAL.uv * canvas.size, np.arange(5.0)

    def point(along: float, height: float) -> np.ndarray:
        """along 0 inner .. 4 tail, height 0 lower edge .. 1 upper edge -> (2,) pixels."""
        edges = [np.array([np.interp(along, columns, at[row, k]) for k in range(2)]) for row in (lower, upper)]
        middle = edges[0] + 0.5 * (edges[1] - edges[0])
        return middle + (height - 0.5) * (edges[1] - edges[0]) * (1.0 - 0.10 * along)

    for _ in range(420):
        along, height = rng.uniform(0.0, 3.9), rng.uniform(0.0, 0.75)
        root, tip = point(along, height), point(along + rng.uniform(0.15, 0.5), height + rng.uniform(0.1, 0.3))
        for flip in (False, True):
            ends = [(canvas.size - x if flip else x, y) for x, y in (root, tip)]
            brush.line(ends, fill=int(rng.uniform(130, 230)), width=2)
    mask = mask.filter(ImageFilter.GaussianBlur(0.8))
    canvas.image.paste(Image.new("RGB", mask.size, BROW), (0, 0), mask)


def neck() -> bytes:
    """-> PNG, y downwards: the silicone in the shadow of the chin, then in the light."""
    down = np.linspace(0, 1, 128)
    shadow = np.exp(-(((down - 0.45) / 0.24) ** 2)) + (down < 0.45) * (1 - np.exp(-(((down - 0.45) / 0.24) ** 2)))
    column = np.array(SILICONE) * (0.92 - np.outer(shadow, [0.30, 0.36, 0.38]))
    return _png(Image.fromarray(np.repeat(column[:, None].clip(0, 255).astype(np.uint8), 16, axis=1)))


def shell() -> bytes:
    """-> PNG, graphite with the gaps between its panels. x around the head from the top, y from the seam backwards."""
    image = Image.new("RGB", (2048, 512), (92, 96, 103))
    brush = ImageDraw.Draw(image)
    gap, gleam = (26, 28, 31), (150, 155, 162)
    for x in (0.075, 0.925):
        brush.rectangle([x * 2048 - 60, 150, x * 2048 + 60, 512], fill=(80, 84, 90))
    for x in (0.045, 0.105, 0.895, 0.955):
        brush.line([(x * 2048 + 4, 60), (x * 2048 + 4, 512)], fill=gleam, width=2)
        brush.line([(x * 2048, 60), (x * 2048, 512)], fill=gap, width=5)
    brush.line([(0, 62), (2048, 62)], fill=gleam, width=2)
    brush.line([(0, 58), (2048, 58)], fill=gap, width=5)
    for x in (0.02, 0.13, 0.19, 0.81, 0.87, 0.98):
        brush.ellipse([x * 2048 - 9, 80, x * 2048 + 9, 88], fill=gap)
        brush.ellipse([x * 2048 - 6, 81, x * 2048 + 6, 86], fill=gleam)
    return _png(image.filter(ImageFilter.GaussianBlur(0.8)))


PUPIL, IRIS, LIMBUS = 0.062, 0.150, 0.164  # radii in the eyeball's uv: 0.5 is a quarter turn from the middle
IRIS_INNER, IRIS_OUTER, SCLERA = (150, 112, 62), (58, 84, 92), (228, 224, 221)


def eye() -> bytes:
    """-> PNG, polar around the pupil, the lids' shadow above and a window's reflection included."""
    n = EYE_SIZE
    y, x = (np.mgrid[0:n, 0:n] + 0.5) / n - 0.5
    radius, turn = np.hypot(x, y), np.arctan2(y, x)
    rng = np.random.default_rng(3)
    fibres = sum(np.cos(k * turn + rng.uniform(0, 6.28)) * rng.uniform(0.2, 1) for k in range(9, 70, 4)) / 6
    depth = np.clip((radius - PUPIL) / (IRIS - PUPIL), 0, 1)
    iris = _mix(IRIS_INNER, IRIS_OUTER, np.clip(depth * 1.6, 0, 1)) * (1 + 0.22 * fibres * (0.3 + depth))[..., None]
    iris *= (1.12 - 0.45 * depth**3)[..., None]
    white = _mix(SCLERA, (222, 176, 164), np.clip((radius - 0.2) / 0.28, 0, 1) * 0.6)
    colour = np.where((radius < IRIS)[..., None], iris, white)
    colour = _over(colour, (34, 40, 46), _band(radius, IRIS, LIMBUS))
    colour = _over(colour, (10, 10, 12), _inside(radius, PUPIL, 0.006))
    colour *= (1 - 0.40 * smoothstep((-y - 0.02) / 0.22))[..., None]
    for centre, size, strength in (((0.045, -0.055), 0.030, 1.0), ((-0.05, 0.06), 0.014, 0.45)):
        glint = _inside(np.hypot(x - centre[0], y - centre[1]), size, 0.008)
        colour = _over(colour, (255, 255, 255), strength * glint)
    return _png(Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)))


def teeth(upper: bool) -> bytes:
    """-> PNG, x along the arch, y from gum to edge. Matches geometry.teeth: 4.7 cm of arch, equal widths."""
    width, height = TEETH_SIZE
    y, x = np.mgrid[0:height, 0:width]
    along = (x + 0.5) / width
    tall = (y + 0.5) / height
    across = (along - 0.5) * 4.7 / (0.86 if upper else 0.62)
    between = np.abs(across - np.round(across))  # 0 between two teeth, 0.5 in the middle of one
    colour = np.ones((height, width, 3)) * np.array([238.0, 232.0, 218.0])
    colour *= (0.86 + 0.14 * np.clip(between / 0.16, 0, 1) ** 0.7)[..., None]
    colour *= (1.0 - 0.30 * np.clip(np.abs(along - 0.5) * 2 - 0.25, 0, 1))[..., None]
    gum_line = 0.40 - 0.10 * np.sqrt(np.clip(1 - (2 * (0.5 - between)) ** 2, 0, 1))
    colour = _over(colour, (186, 98, 98), np.clip((gum_line - tall) / 0.03, 0, 1))
    return _png(Image.fromarray(np.clip(colour, 0, 255).astype(np.uint8)))


def _mix(a: Colour, b: Colour, share: np.ndarray) -> np.ndarray:
    return np.array(a, float) + share[..., None] * (np.array(b, float) - np.array(a, float))


def _over(ground: np.ndarray, colour: Colour, cover: np.ndarray) -> np.ndarray:
    return ground + cover[..., None] * (np.array(colour, float) - ground)


def _inside(distance: np.ndarray, radius: float, soft: float) -> np.ndarray:
    return np.clip((radius - distance) / soft + 0.5, 0, 1)


def _band(distance: np.ndarray, inner: float, outer: float) -> np.ndarray:
    return np.exp(-(((distance - (inner + outer) / 2) / (outer - inner)) ** 2)) * 0.85


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "png", compress_level=1)
    return out.getvalue()
