"""`lipsync-robot say`: a robot that is running says something; returns once it was heard."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from ..audio import files
from ..audio.chunks import HIGHEST_HZ, LOWEST_HZ
from ..audio.feed import Feed
from ..audio.mel import SAMPLE_RATE
from ..errors import BadInputError, LipsyncError
from .robots import Namespace

REFRESH_S = 0.02
AHEAD_S = 30.0  # that a stream may be sent before it is heard
LAST_S = 1.0  # in which the answer of a robot that has gone may still come
PATIENCE_S = 3.0  # for the answer of a robot that is told to stop


class UnsaidError(LipsyncError):
    """The robot did not say it to its end, and says why."""


def say(
    text: Annotated[str | None, typer.Argument(help="Text for the robot's text-to-speech program.")] = None,
    file: Annotated[Path | None, typer.Option(help="Sound file, on the robot's machine.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Sound that comes from a pipe: a WAV, or int16 samples.")] = False,
    rate: Annotated[int, typer.Option(min=LOWEST_HZ, max=HIGHEST_HZ, help="Of these int16 samples, Hz.")] = SAMPLE_RATE,
    interrupt: Annotated[bool, typer.Option("--interrupt", help="At once, instead of after what is being said.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop all that is being said or waits.")] = False,
    namespace: Namespace = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """A running robot says a text, a file, or a stream while it is still being made. Ctrl-C stops it.

    It is started by `lipsync-robot bringup`. Examples:

      lipsync-robot say "Good morning"

      lipsync-robot say --file hello.flac --interrupt

      piper --model voice.onnx --output-raw < story.txt | lipsync-robot say --stdin --rate 22050

      lipsync-robot say --stop
    """
    if (text is not None) + (file is not None) + stdin + stop != 1:
        raise BadInputError("give one of: a text, --file, --stdin, --stop. See lipsync-robot say --help.")
    from ..nodes.say_client import connected

    console = Console(stderr=True, highlight=False)
    with connected(namespace) as robot:
        if stop:
            result = {"message": robot.stop()}
            console.print(f" stopped: {result['message']}")
        else:
            goal = {"text": text or "", "file": str(file.resolve()) if file else "", "stream": stdin, "interrupt": interrupt}
            result = _heard(console, robot, goal, rate)
    if as_json:
        print(json.dumps(result))
    if not result.get("completed", True):
        raise UnsaidError(result["message"])


def _heard(console: Console, robot: Any, goal: dict[str, Any], rate: int) -> dict[str, Any]:
    """-> the robot's answer."""
    feed = Feed(files.decode_pipe(os.fdopen(0, "rb", buffering=0), "stdin", rate)) if goal["stream"] else None
    saying, sent_s, give_up = robot.say(**goal), 0.0, np.inf
    with _signals() as signals, console.status(" waits for its turn") as status:
        while saying.result is None:
            robot.spin(REFRESH_S)
            if saying.speaking:
                status.update(f" speaking  {saying.heard_s:.1f} s")
            if signals and np.isinf(give_up) and saying.accepted:
                saying.cancel()
                give_up = time.monotonic() + PATIENCE_S
            if time.monotonic() > give_up:
                raise KeyboardInterrupt
            if not robot.connected and not robot.until(lambda: saying.result, LAST_S):
                raise UnsaidError(f"the robot has gone, {saying.heard_s:.1f} s into what it was to say.")
            while feed and saying.accepted and sent_s < saying.heard_s + AHEAD_S:
                block, over = feed.take(), feed.over
                if block is not None or over:
                    samples = np.empty(0, np.int16) if block is None else block
                    saying.send(samples, SAMPLE_RATE, last=over)
                    sent_s += len(samples) / SAMPLE_RATE
                if over:
                    if feed.error or not sent_s:
                        raise BadInputError(feed.error or "stdin: no sound came through the pipe.")
                    feed = None
                elif block is None:
                    break
    if saying.heard_s or signals:
        console.print(f" heard {saying.heard_s:.1f} s")
    if signals:
        raise KeyboardInterrupt
    answer = saying.result
    return {"completed": answer.completed, "message": answer.message, "heard_s": round(answer.heard_s, 3)}


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Those of Ctrl-C and the like as they come: raised where they come, they would be inside rclpy at times."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda got, _: came.append(got)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
