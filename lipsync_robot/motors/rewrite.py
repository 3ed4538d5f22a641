"""A robot's YAML with other values: comments and layout stay to the letter, and the file is whole at any moment."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import yaml

from . import description
from .description import RobotDescriptionError


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Puts what change makes of the YAML's text in its place. Raises RobotDescriptionError, and then leaves it as it is."""
    path = path.resolve()  # through a link, which stays
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(change(path.read_text()))
        description.load(beside)
        shutil.copymode(path, beside)
        os.replace(beside, path)
    except RobotDescriptionError as error:
        raise RobotDescriptionError(f"{path.name} was left as it is: {error}".replace(str(beside), str(path))) from error
    except OSError as error:
        raise RobotDescriptionError(f"{path}: cannot be written ({error.strerror}). Nothing was changed.") from error
    finally:
        beside.unlink(missing_ok=True)


def with_setting(text: str, key: str, value: float) -> str:
    """The text with another value for one of the robot's own settings, which need not stand there yet.

    Raises RobotDescriptionError where that takes more than a line of its own.
    """
    stands = {name.value: (name, node) for name, node in yaml.compose(text, yaml.SafeLoader).value}
    if key in stands:
        _, node = stands[key]
        new = f"{text[: node.start_mark.index]}{value}{text[node.end_mark.index :]}"
    else:
        at = stands["motors"][0].start_mark.index
        new = f"{text[:at]}{key}: {value}\n{text[at:]}"
    try:
        as_wanted = yaml.safe_load(new) == yaml.safe_load(text) | {key: value}
    except yaml.YAMLError:
        as_wanted = False
    if not as_wanted:
        raise RobotDescriptionError(f"there is no line for {key}. Write by hand: {key}: {value}")
    return new
