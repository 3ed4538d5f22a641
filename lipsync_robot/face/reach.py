"""How far a face goes: the convex hull of the faces that were seen of it, and what in that hull is nearest to a wish."""

import numpy as np

from .landmarks import REGIONS

USUAL = 98  # percentile of what was seen that counts as reach: further is but jitter

DIRECTIONS = 4096  # in which the furthest face is looked for, besides each motion's own
FARTHEST = 1e4  # radii of the hull: of what is asked for from beyond, rounding leaves too little
EXACT = 1e-12  # of the squared distances involved
ROUNDING = 1e-12  # a weight this small is none
SAME = 1e-14  # of the squared distances: solvable even if two vertices are one


def of_regions(landmarks: np.ndarray, static: np.ndarray) -> np.ndarray:
    """landmarks (n, 113, 2), static (113, 2) at rest -> (4,) cm: how far each of REGIONS goes from rest, mean of its points."""
    gone = np.linalg.norm(landmarks - static, axis=-1)
    return np.array([np.percentile(gone[:, rows].mean(1), USUAL) for rows in REGIONS.values()])


def outermost(points: np.ndarray, seed: int = 0) -> np.ndarray:
    """points (n, k) -> (m, k): those that lie furthest in some direction, which span nearly all of the hull of them all."""
    k = points.shape[1]
    directions = np.concatenate([np.random.default_rng(seed).normal(size=(DIRECTIONS, k)), np.eye(k), -np.eye(k)])
    furthest = [np.argmax(points @ some.T, axis=0) for some in np.array_split(directions, 16)]
    return points[np.unique(np.concatenate(furthest))]


class Hull:
    """The convex hull of vertices (m, k). Nearest points are found by Wolfe's algorithm, which is exact and ends.

    P. Wolfe, Finding the nearest point in a polytope, Mathematical Programming 11, 1976. At most k + 1 vertices hold the
    nearest point so far between them; the vertex furthest towards the wish joins, and those that are then in the way leave.
    """

    def __init__(self, vertices: np.ndarray) -> None:
        self._vertices = vertices.astype(float)
        self._centre = self._vertices.mean(0)
        self._radius = float(np.linalg.norm(self._vertices - self._centre, axis=1).max())
        self._scale = self._radius**2 or 1.0
        # Where the last search ended, from where the next one sets out: the nearest point is unique, so only time is saved.
        self._active, self._weights = np.array([0]), np.array([1.0])

    def nearest(self, wish: np.ndarray) -> np.ndarray:
        """wish (k,) -> (k,), NaN where the wish is not finite."""
        away = wish - self._centre
        distance = float(np.linalg.norm(away))
        if not np.isfinite(distance):
            return np.full_like(self._centre, np.nan)
        if distance > FARTHEST * self._radius:
            wish = self._centre + away * (FARTHEST * self._radius / distance)
        active, weights, best = self._active, self._weights, np.inf
        while True:
            active, weights, found = self._between(wish, active, weights)
            squared = float(found @ found)
            if squared >= best:
                break  # only rounding is left
            best, self._active, self._weights = squared, active, weights
            along = self._vertices @ found
            furthest = int(along.argmin())
            if squared + float(wish @ found) - along[furthest] <= EXACT * (squared + self._radius**2):
                break
            active, weights = np.append(active, furthest), np.append(weights, 0.0)
        return self._weights @ self._vertices[self._active]

    def _between(self, wish: np.ndarray, active: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """active (s,) vertices, which hold a point between them with weights (s,) -> those of them whose plane comes nearest
        to the wish between them, their weights there, and the way there from the wish (k,)."""
        while True:
            towards = self._vertices[active] - wish
            squares = towards @ towards.T
            # Equation 2.4 of the paper, which needs no plane to be laid through the vertices first.
            squares.flat[:: len(squares) + 1] += SAME * self._scale
            squares += self._scale
            wanted = np.linalg.solve(squares, np.ones(len(squares)))
            wanted /= wanted.sum()
            beyond = wanted <= ROUNDING
            if not beyond.any():
                return active, wanted, wanted @ towards
            way = min(1.0, float((weights[beyond] / np.maximum(weights[beyond] - wanted[beyond], ROUNDING)).min()))
            weights = weights + way * (wanted - weights)
            stays = weights > ROUNDING
            active, weights = active[stays], weights[stays] / weights[stays].sum()
