"""Keys one by one from a terminal, which is left as it was found, whatever ends the program."""

import os
import re
import select
import signal
import sys
import termios
import time
from types import FrameType

from ..errors import BadInputError

ESCAPE = re.compile(rb"\x1b[\[O]([0-9;]*[A-Za-z~])")  # what a terminal sends for keys that are no letter
UNFINISHED = re.compile(rb"\x1b([\[O][0-9;]*)?$")
NAMES = {b"A": "up", b"B": "down", b"C": "right", b"D": "left", b"5~": "page_up", b"6~": "page_down"}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
QUIT, CTRL_C = "q", "\x03"


class Keyboard:
    """While it is entered keys arrive at once and unseen; Ctrl-C, and signals that end a program, are the key q."""

    def __enter__(self) -> "Keyboard":
        """Raises BadInputError where there is no terminal."""
        if not sys.stdin.isatty():
            raise BadInputError("this is driven from the keyboard: run it in a terminal, with nothing piped into it.")
        self._terminal = sys.stdin.fileno()
        self._rest = b""
        self._asked_to_end = False
        self._closed = False
        self._found = termios.tcgetattr(self._terminal)
        changed = termios.tcgetattr(self._terminal)
        changed[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)  # nor may Ctrl-Z leave a motor alone and powered
        self._before = {ending: signal.signal(ending, self._end) for ending in ENDINGS}
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, changed)
        return self

    def __exit__(self, *_: object) -> None:
        termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._found)
        for ending, handler in self._before.items():
            signal.signal(ending, handler)

    def pressed(self, seconds: float) -> list[str]:
        """Waits so long, or until a key -> the keys pressed meanwhile, by `split`'s names."""
        if self._closed:
            time.sleep(seconds)
        elif select.select([self._terminal], [], [], seconds)[0]:
            self._rest += self._received()
        keys, self._rest = split(self._rest)
        if self._asked_to_end:
            self._asked_to_end = False
            keys.append(QUIT)
        return keys

    def _received(self) -> bytes:
        try:
            received = os.read(self._terminal, 64)
        except OSError:
            received = b""
        if not received:  # the terminal has gone
            self._closed = self._asked_to_end = True
        return received

    def _end(self, _: int, __: FrameType | None) -> None:
        self._asked_to_end = True


def split(received: bytes) -> tuple[list[str], bytes]:
    """Bytes of a terminal -> the keys in them, and the beginning of one that is not whole yet.

    A letter is its own name; the others are left, right, up, down, page_up, page_down and space. Ctrl-C is q.
    """
    keys: list[str] = []
    while received and not UNFINISHED.match(received):
        escape = ESCAPE.match(received)
        if escape:
            keys += [NAMES[escape[1]]] if escape[1] in NAMES else []
            received = received[escape.end() :]
        else:
            letter = chr(received[0])
            keys += [{" ": "space", CTRL_C: QUIT}.get(letter, letter)] if letter != "\x1b" else []
            received = received[1:]
    return keys, received
