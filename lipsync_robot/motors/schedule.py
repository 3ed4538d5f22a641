"""Poses that wait for the moment at which their sound is heard."""

import bisect
from typing import NamedTuple

import numpy as np

CLEAR_S = 0.0005  # after a pose is due: the next one may be due so much sooner or later, by what a clock has learned meanwhile


class Pose(NamedTuple):
    due: float  # s, when it should be reached
    expires: float  # s, after which it must not be sent any more
    stamp: float  # s, the moment of the sound or picture it belongs to
    positions: np.ndarray  # (motors,) in 0..1


class Schedule:
    """Kept in order of `due`. Between two poses the target moves in a straight line, so that no rate is tied to another."""

    def __init__(self) -> None:
        self._poses: list[Pose] = []

    def __len__(self) -> int:
        return len(self._poses)

    def add(self, pose: Pose) -> None:
        """A later pose for the same moment replaces the earlier one."""
        at = bisect.bisect_left(self._poses, pose.due, key=lambda p: p.due)
        if at < len(self._poses) and self._poses[at].due == pose.due:
            self._poses[at] = pose
        else:
            self._poses.insert(at, pose)

    def lies_ahead(self, moment: float) -> bool:
        """Whether a pose is due later than that."""
        return bool(self._poses) and self._poses[-1].due > moment

    def pause(self, moment: float, shortest: float, longest: float) -> float:
        """Seconds from this moment to the one at which to look again: when the next pose is due, if that is within longest.

        A pose is missed by who is held up from then until the next one is due; by who looks later, sooner.
        """
        after = bisect.bisect_right(self._poses, moment, key=lambda p: p.due)
        due = self._poses[after].due + CLEAR_S if after < len(self._poses) else moment + longest
        return max(shortest, min(longest, due - moment))

    def clear(self) -> None:
        """Voids everything that is pending."""
        self._poses.clear()

    def at(self, now: float) -> Pose | None:
        """The pose asked for at this moment, None where nothing valid is; forgets what has been passed."""
        reached = bisect.bisect_right(self._poses, now, key=lambda p: p.due)
        del self._poses[: max(0, reached - 1)]
        if not self._poses or self._poses[0].due > now:
            return None
        current, *following = self._poses[:2]
        if now > current.expires:
            return None
        if not following:
            return current
        share = (now - current.due) / (following[0].due - current.due)
        return current._replace(positions=current.positions * (1 - share) + following[0].positions * share)
