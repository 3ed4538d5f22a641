"""Names of serial ports: a device of the system, or `twin` for the virtual controller that the twin puts up."""

import os
import tempfile
from pathlib import Path

TWIN = "twin"


def run_folder() -> Path:
    """Where running programs of this user leave locks and links; gone after a restart."""
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"lipsync_robot-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def resolve(port: str, robot: str) -> Path:
    """port: a device path or "twin"; robot: what sets this robot apart from others running here -> the path to open."""
    return run_folder() / f"{robot}.port" if port == TWIN else Path(port)
