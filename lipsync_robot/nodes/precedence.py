"""Real-time priority (Linux's SCHED_FIFO), which ros2_control asks for too: a thread that has it waits for no ordinary one."""

import os

USUAL, MOST = 10, 49  # above the 5 of sound servers, below the kernel's interrupts at 50


def take(priority: int) -> int:
    """Gives the calling thread a priority of 1 to 99, or 0 for none, but nothing that it starts -> the one it has now: 0 where
    its user may not (docs/troubleshooting.md), or where it was made nice, which is to give way."""
    wanted = 0 if os.nice(0) > 0 else priority
    policy = (os.SCHED_FIFO if wanted else os.SCHED_OTHER) | os.SCHED_RESET_ON_FORK
    try:
        os.sched_setscheduler(0, policy, os.sched_param(wanted))
    except PermissionError:
        return 0
    return wanted
