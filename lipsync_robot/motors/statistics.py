"""How punctual motion is: from the moments of its sound, of its arrival, and of its first byte on the wire."""

import numpy as np

REMEMBERED = 90_000  # poses: half an hour at 50 Hz


class Punctuality:
    """Ages are seconds since the pose's stamp. A pose is late when it is sent more than deadline_s after it was due."""

    def __init__(self, deadline_s: float) -> None:
        self.expired = 0
        self.late = 0
        self.poses = 0
        self.commands = 0
        self.deadline_s = deadline_s
        self._last_stamp = -1.0
        self._age, self._ready_age = np.full((2, REMEMBERED), np.nan)  # rings, whole from the start: memory does not grow

    def arrived(self, age_s: float) -> None:
        """A command has come in, so long after its stamp, that is still worth sending."""
        self._ready_age[self.commands % REMEMBERED] = age_s
        self.commands += 1

    def sent(self, stamp: float, age_s: float, late_s: float) -> None:
        """A pose has been written, so long after its stamp and after it was due; only its first time counts."""
        if stamp == self._last_stamp:
            return
        self._last_stamp = stamp
        self._age[self.poses % REMEMBERED] = age_s
        self.poses += 1
        self.late += late_s > self.deadline_s

    def missed(self, pending: int) -> int:
        """Commands that did not reach the wire in time, whatever the reason; pending: those whose time is yet to come."""
        return max(0, self.commands + self.expired - pending - (self.poses - self.late))

    def summary(self, latest: int = REMEMBERED) -> dict[str, float]:
        """Counts, and percentiles of both ages in ms, of so many of late: `ready` at arrival, `wire` when written."""
        figures: dict[str, float] = {"poses": self.poses, "late": self.late, "expired": self.expired}
        for name, ages, count in (("ready", self._ready_age, self.commands), ("wire", self._age, self.poses)):
            if count:
                last = np.arange(max(0, count - min(latest, REMEMBERED)), count) % REMEMBERED
                p50, p95, p99, top = np.percentile(1000 * ages[last], [50, 95, 99, 100])
                figures |= {f"{name}_p50_ms": p50, f"{name}_p95_ms": p95, f"{name}_p99_ms": p99, f"{name}_max_ms": top}
        return figures
