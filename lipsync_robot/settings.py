"""YAML to frozen dataclasses: unknown, missing and ill-typed keys are errors that name the file, the key and the remedy."""

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from .errors import BadInputError

T = TypeVar("T")
EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")  # 1e-3 is text in YAML 1.1, and 1.0e3 too

PARAMETERS = "ros__parameters"


class SettingsError(BadInputError):
    """A settings file cannot be used as it is."""


def load(cls: type[T], path: Path, changes: Sequence[str] = ()) -> T:
    """The dataclass cls filled from a YAML mapping; nested dataclasses and lists of them too. Raises SettingsError.

    changes: `key=value` each, the value in YAML, that take the place of the file's.
    """
    content = read(path)
    if changes and isinstance(content, dict):
        content |= dict(map(_change, changes))
    return build(cls, content, str(path))


def _change(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise SettingsError(f"{text!r}: write key=value, such as seed=1.")
    return key, _parsed(value, repr(text))


def read(path: Path) -> Any:
    """What a YAML file holds. Raises SettingsError."""
    try:
        return _parsed(path.read_text(), str(path))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as a file of settings ({error}).") from error


def _parsed(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{where}: not valid YAML: {' '.join(str(error).split())}.") from error


def check_nodes(path: Path, known: typing.Collection[str]) -> None:
    """Proves a file of ROS parameters, of nodes that are known by their names, in words that rclpy does not have: what it does
    not know it passes over. Raises SettingsError."""
    content = read(path)
    if content is None:
        return
    if not isinstance(content, dict):
        raise SettingsError(f"{path}: holds no settings of nodes, but {content!r}. Begin with a copy of config/speak.yaml.")
    for section, held in content.items():
        node = str(section).rsplit("/", 1)[-1]
        if node not in known and node.strip("*"):
            raise SettingsError(f"{path}: there is no node {node!r}. {suggestion(node, known)}")
        if not isinstance(held, dict) or set(held) != {PARAMETERS} or not isinstance(held[PARAMETERS], dict):
            raise SettingsError(
                f"{path}: {section}: must hold {PARAMETERS} and nothing else, and under it the node's settings."
            )
        for key, value in held[PARAMETERS].items():
            if value is None:
                raise SettingsError(f"{path}: {section}: {key} has no value. Give it one, or take its line out.")


def build(cls: type[T], content: Any, where: str) -> T:
    """The dataclass cls filled from a mapping; where: how errors name its source. Raises SettingsError."""
    if not isinstance(content, dict):
        raise SettingsError(f"{where}: expected a mapping of settings, found {content!r}.")
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in content:
        if key not in fields:
            raise SettingsError(f"{where}: unknown setting {key!r}. {suggestion(str(key), fields)}")
    for field in fields.values():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if field.name not in content and not optional:
            raise SettingsError(f"{where}: setting {field.name!r} is missing.")
    hints = typing.get_type_hints(cls)
    return cls(**{key: _convert(hints[key], value, f"{where}: {key}") for key, value in content.items()})


def suggestion(key: str, known: typing.Iterable[str]) -> str:
    """A sentence that names the likeliest meant key, or all of them."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _convert(next(a for a in arguments if a is not type(None)), value, where)
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise SettingsError(f"{where}: expected a list, found {value!r}.")
        return origin(_convert(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is typing.Literal:
        if value not in arguments:
            raise SettingsError(f"{where}: {value!r} is not one of {', '.join(map(repr, arguments))}.")
        return value
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)  # type: ignore[arg-type]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is float and isinstance(value, str) and EXPONENT.fullmatch(value):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise SettingsError(f"{where}: expected {hint.__name__}, found {value!r}.")
    return value
