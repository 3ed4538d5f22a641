"""How well a robot copies people, beside what such figures have to be held beside.

What is asked of a robot and what is seen of it are compared as displacements, each from its own face at rest: the camera's view
of the resting robot is not quite the one that its inverse model was trained on, and no motor could change that offset.

One look from the front errs by more than the robot does (closed_loop.Standing): so the error of landmarks is that of poses that
stand still, seen from all sides as in babbling; that of one look in motion is told besides.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..face import scores
from ..face.landmarks import ROBOT, aperture, mouth_width, robot_landmarks
from ..face.profile import closed_mouth
from .babble import Babble
from .baselines import VIDEO_STEP, truth
from .clips import Clip
from .closed_loop import ClosedLoop, Retarget, Standing
from .evaluation import RATE, Score, by_label, interval, overall
from .inverse_scores import Solve, nearest_neighbour
from .progress import track
from .unseen import known

STANDS_EVERY = 5  # frames, of which one pose is shown once more, standing still: each is looked at from all sides
NEEDS_BABBLE = "random and nearest_neighbour: they need the robot's babble; name it with --babble"


class Chain(NamedTuple):
    """How a person's face becomes a robot's motor commands."""

    retargets: Callable[[np.ndarray], Retarget]  # a face at rest (468, 3) cm -> for one clip of that person
    static: np.ndarray  # (113, 2) cm, the robot at rest, as retargeting knows it
    inverse: Solve

    def looked_up(self, babble: Babble) -> "Chain":
        """The same with a nearest neighbour for an inverse model."""
        nearest, offset = nearest_neighbour(known(babble)), babble.static - self.static
        return self._replace(inverse=lambda asked: nearest(asked + offset))


class Copy(NamedTuple):
    """One clip, and what was seen of a robot that had it to copy."""

    clip: Clip
    human: np.ndarray  # (n, 468, 3) cm at 25 Hz
    wanted: np.ndarray  # (n, 113, 2) cm, the human's displacement from rest: equation 1, alpha 1, restricted to no reach
    asked: np.ndarray  # (n, 113, 2) cm, displacement from the robot's rest that retargeting asked for
    rest: np.ndarray  # (468, 3) cm, the robot as its camera sees it
    seen: np.ndarray  # (n, 468, 3) cm; a face that was lost counts as one at rest
    lost: int  # such frames
    stood: np.ndarray  # (m, 113, 2) cm, displacement of each STANDS_EVERY-th frame's pose, standing still

    @property
    def moved(self) -> np.ndarray:
        """(n, 113, 2) cm, displacement that was seen."""
        return robot_landmarks(self.seen - self.rest)

    @property
    def errors(self) -> np.ndarray:
        """(n, 113) cm between what was asked and what was seen."""
        return np.linalg.norm(self.moved - self.asked, axis=-1)

    @property
    def standing_errors(self) -> np.ndarray:
        """(m, 113) cm between what was asked and how what was sent looks when it stands still."""
        return np.linalg.norm(self.stood - self.asked[::STANDS_EVERY], axis=-1)


def at_rest(data: list[Clip]) -> dict[str, np.ndarray]:
    """-> each person's face at rest, (468, 3) cm, of all their clips: in many a clip the mouth is never closed.

    As `lipsync-robot calibrate neutral` makes it of a video of somebody who speaks.
    """
    persons: dict[str, list[np.ndarray]] = {}
    for clip in data:
        persons.setdefault(clip.person, []).append(clip.neutral)
    return {person: closed_mouth(np.array(faces)) for person, faces in persons.items()}


def copies(loop: ClosedLoop, standing: Standing, data: list[Clip], chain: Chain, says: str) -> list[Copy]:
    """Has the robot copy each clip. says: of the progress bar. Raises BusError where the robot stays away."""
    rests, made = at_rest(data), []
    for clip in track(data, says):
        human, calm = clip.neutral + truth(clip), rests[clip.person]
        played = loop.play(human, chain.retargets(calm), chain.inverse)
        lost = np.isnan(played.seen).any(axis=(1, 2))
        seen = np.where(lost[:, None, None], loop.rest, played.seen)
        wanted = robot_landmarks(human - calm)
        stood = standing.displacement(played.sent[::STANDS_EVERY])
        made.append(Copy(clip, human, wanted, played.asked - chain.static, loop.rest, seen, int(lost.sum()), stood))
    return made


def still(ours: list[Copy]) -> list[Copy]:
    """The same of a robot that stays at rest."""
    return [
        copy._replace(seen=np.broadcast_to(copy.rest, copy.seen.shape), lost=0, stood=np.zeros_like(copy.stood))
        for copy in ours
    ]


def at_random(ours: list[Copy], babble: Babble) -> list[Copy]:
    """The same of a robot that shows another babbled face each frame, at random."""
    generator, made = np.random.default_rng(0), []
    for copy in still(ours):
        seen, shown = copy.seen.copy(), generator.choice(babble.landmarks - babble.static, len(copy.seen))
        seen[:, ROBOT, :2] += shown
        made.append(copy._replace(seen=seen, stood=shown[::STANDS_EVERY]))
    return made


def score(copy: Copy) -> Score:
    """cm, ms. Mouth opening and width of what was seen are held against the human's own, not against what was asked."""
    seen, human = aperture(copy.seen) - aperture(copy.rest), aperture(copy.human)  # FaceMesh sees sealed lips a little open
    figures = {
        "aperture_r": scores.correlation(seen, human),
        "width_r": scores.correlation(mouth_width(copy.seen), mouth_width(copy.human)),
        "landmark_error": float(copy.standing_errors.mean()),
        "landmark_error_one_look": float(copy.errors.mean()),
        "landmark_error_human": scores.position_error(copy.moved, copy.wanted),
        "lag_ms": 1000 * scores.lag(seen, human, RATE).seconds,
    }
    return Score(figures, scores.closures(seen, human, copy.clip.speech[::VIDEO_STEP]))


def report(methods: dict[str, list[Copy]]) -> dict[str, Any]:
    """methods: by name, what was seen of the robot; the first is the one to report, the others are its baselines."""
    scored = {name: [score(copy) for copy in made] for name, made in methods.items()}
    lost = {name: sum(copy.lost for copy in made) for name, made in methods.items()}
    main, *baselines = methods
    persons = [copy.clip.person for copy in methods[main]]
    return overall(scored[main]) | {
        "interval": interval(scored[main], persons),
        "baselines": {name: overall(scored[name]) | {"faces_lost": lost[name]} for name in baselines},
        "people": by_label(persons, scored[main]),
        "clips": len(persons),
        "frames": sum(len(copy.seen) for copy in methods[main]),
        "faces_lost": lost[main],
        "left_out": [] if "random" in methods else [NEEDS_BABBLE],
    }


def landmark_errors(methods: dict[str, list[Copy]]) -> dict[str, np.ndarray]:
    """-> by name, the mean error (113,) cm of each landmark over all frames."""
    return {name: np.concatenate([copy.errors for copy in made]).mean(0) for name, made in methods.items()}
