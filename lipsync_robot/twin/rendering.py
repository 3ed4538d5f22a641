"""Can this machine draw the twin? Asked of a process of its own: a GL library that is wrong may end the one that loads it."""

import os
import subprocess
import sys

PATIENCE_S = 60.0


def refusal() -> str:
    """Why no GL context opens, "" if one does. MUJOCO_GL says which library is used."""
    command = [sys.executable, "-c", f"from {__name__} import draw; draw()"]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"it did not open within {PATIENCE_S:.0f} s"
    if ended.returncode < 0:
        return f"the library ended its process with signal {-ended.returncode}"
    said = ended.stderr.strip().splitlines()
    return (said[-1] if said else f"exit status {ended.returncode}") if ended.returncode else ""


def library() -> str:
    """Through what MuJoCo draws, as MUJOCO_GL names it."""
    return os.environ.get("MUJOCO_GL", "glfw")


def draw() -> None:
    """Opens a small GL context, or raises whatever its library raises."""
    import mujoco

    context = mujoco.GLContext(64, 64)
    context.make_current()
    context.free()
