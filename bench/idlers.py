"""Was it us, or the machine? On each processor a process of higher priority than ours that only wakes every 5 ms: a cyclictest.

When even that comes late, nothing on that processor ran in time: its kernel does not let itself be interrupted, or it is a
virtual machine's, whose host was busy elsewhere. The ticks that a host admits to have taken show only some of that.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from subprocess import Popen

import numpy as np

from lipsync_robot.nodes import precedence

SLEEP_S = 0.005
AWAY_S = 0.02  # one pose at 50 Hz
REFUSED = "refused"


@contextmanager
def idlers() -> Iterator[Callable[[], np.ndarray | None]]:
    """-> what tells, so far, from and until when (n, 2), monotonic s, a processor was away for longer than AWAY_S; None where
    this user may not have the priority, and so cannot tell."""
    cpus = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        said = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in cpus]
        for cpu, file in zip(cpus, said, strict=True):
            process = stack.enter_context(Popen([sys.executable, __file__, str(cpu)], stdout=file))
            stack.callback(process.terminate)

        def away() -> np.ndarray | None:
            lines = [line for file in said if not file.seek(0) for line in file.read().splitlines()]
            return None if REFUSED in lines else np.array([line.split() for line in lines], float).reshape(-1, 2)

        yield away


def main() -> None:
    os.sched_setaffinity(0, {int(sys.argv[1])})
    if not precedence.take(precedence.MOST):
        print(REFUSED)
        return
    last = time.monotonic()
    while True:
        time.sleep(SLEEP_S)
        now = time.monotonic()
        if now - last > AWAY_S:
            print(f"{last:.4f} {now:.4f}", flush=True)
        last = now


if __name__ == "__main__":
    main()
