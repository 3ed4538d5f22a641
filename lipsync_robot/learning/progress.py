"""What long work looks like on a terminal: progress bars, on its error channel so that what a program reads from a command
stays clean, and a quiet end after Ctrl-C."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import rich.progress
from rich.console import Console

T = TypeVar("T")


def track(items: Iterable[T], says: str, total: int | None = None) -> Iterator[T]:
    """The items, one by one, under a bar. total: how many, where items do not tell."""
    return iter(rich.progress.track(items, says, total, console=Console(stderr=True)))


@contextmanager
def deaf() -> Iterator[None]:
    """Processes started within do not hear Ctrl-C, which a terminal tells to all: who started them ends them, in silence."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
