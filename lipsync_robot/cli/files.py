"""Files that a verb is to write: room is made for them before the work begins."""

import os
from pathlib import Path

from ..errors import BadInputError

STDOUT = Path("-")


def room_for(*paths: Path | None) -> list[Path]:
    """Makes the folders of files that are to be written -> those files. Raises BadInputError."""
    wanted = [path for path in paths if path and path != STDOUT]
    for path in wanted:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInputError(f"{path}: its folder cannot be made ({error.strerror}).") from error
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise BadInputError(f"{path}: cannot be written. Name a file in a folder of yours.")
    return wanted
