"""Where the files that travel with the package lie: config/, models/, launch/.

They are read from the source tree when the package runs from one, and from share/lipsync_robot of the installation otherwise.
"""

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """name: path inside the package's shared files, such as "models/apc.onnx" -> its absolute path.

    Raises FileNotFoundError with the places that were tried.
    """
    roots = [PACKAGE.parent] + [up / "share" / "lipsync_robot" for up in PACKAGE.parents]
    for root in roots:
        if (root / "package.xml").exists() and (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is not part of this installation (looked in {roots[0]} and share/lipsync_robot)")


def installing() -> str:
    """The command that installs what the package needs, into the Python that runs."""
    if Path(sys.prefix) == PACKAGE.parent / ".venv":
        return "make setup"
    return f"{sys.executable} -m pip install -r {resource('requirements.txt')}"
