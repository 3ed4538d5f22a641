"""Files that a verb is to write: room is made for them before the work begins, and none is one that it reads."""

import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import BadInputError

STDOUT = Path("-")


def mp4(path: Path | None) -> Path | None:
    """The film that is to be written. Raises BadInputError where its name says otherwise, as that of a recording would."""
    if path and path.suffix.lower() != ".mp4":
        raise BadInputError(f"--video {path}: is the film to write, as an MP4. Name a file that ends in .mp4.")
    return path


def to_write(path: Path) -> Path:
    """As callback of an option: the mistake is told before the work. Raises BadInputError."""
    room_for(path)
    return path


def room_for(*paths: Path | None, reads: Iterable[Path | None] = ()) -> list[Path]:
    """Makes the folders of files that are to be written -> those files. reads: what must not be among them.

    Raises BadInputError.
    """
    read = {path.resolve() for path in reads if path}
    wanted = [path for path in paths if path and path != STDOUT]
    for path in wanted:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInputError(f"{path}: its folder cannot be made ({error.strerror}).") from error
        if path.resolve() in read:
            raise BadInputError(f"{path}: would be written over, and is what is read. Name another file to write.")
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise BadInputError(f"{path}: cannot be written. Name a file in a folder of yours.")
    return wanted
