"""Progress bars on the terminal's error channel, so that what a program reads from a command stays clean."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

import rich.progress
from rich.console import Console

T = TypeVar("T")


def track(items: Iterable[T], says: str, total: int | None = None) -> Iterator[T]:
    """The items, one by one, under a bar. total: how many, where items do not tell."""
    return iter(rich.progress.track(items, says, total, console=Console(stderr=True)))
