"""A bag through the stages without a clock: which commands come out, and whether they are those that were recorded."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from .. import bags
from ..errors import BadInputError
from ..nodes.common import VOID
from ..nodes.composed import composed
from ..nodes.recorded import Recorded, answers, serialized
from ..nodes.topics import ARROWS, STAGES, after
from .robots import Overrides
from .usage import versions

COMMAND = STAGES["command"]


def replay(
    console: Console, recorded: Recorded, stage: str, settings: Path, overrides: Overrides, record: Path | None
) -> dict[str, Any]:
    """All commands that a stage of a bag leads to, their digest, and how they compare with those in the bag.

    record: a bag to write with all that was answered, each message at the moment of the one that it answers.
    """
    then: dict[tuple[int, int], bytes] = {}  # commands, by their stamps
    now: dict[tuple[int, int], bytes] = {}
    digest = hashlib.sha256()
    out = bags.Recording(record) if record else None
    names = after(stage)
    with composed(list(names), settings, overrides) as composition:
        nodes = [composition.nodes[name] for name in names]
        topics = {recorded.name, COMMAND, *[VOID] * (stage == "audio")}
        total = sum(map(recorded.counted, topics))
        said_again = recorded.messages(*topics)
        try:
            for said in track(said_again, " replaying", total=total, console=console, transient=True):
                composition.heed()
                if said.name == COMMAND:
                    then[_stamp(said.message)] = serialized(said)
                    continue
                if said.name == VOID:
                    nodes[0].void.heed(said.message)
                    continue
                for answer in answers(said, nodes):
                    data = serialized(answer)
                    if out:
                        out.write(f"/{answer.name}", ARROWS[answer.name].kind, said.moment, data, ARROWS[answer.name].offered)
                    if answer.name == COMMAND:
                        now[_stamp(answer.message)] = data
                        digest.update(data)
        finally:
            if out:
                out.close()
        providers = {name: node.model.provider for name, node in composition.nodes.items() if name != "retarget"}
    return {
        "stage": stage,
        "messages": recorded.count,
        "commands": len(now),
        "sha256": digest.hexdigest(),
        "recorded": _compared(then, now) if then else None,
        "providers": providers,
        "versions": versions(),
    }


def table(console: Console, result: dict[str, Any], written: list[Path]) -> None:
    """One line per fact."""
    before = result["recorded"]
    console.print(f" commands        {result['commands']} from {result['messages']} messages   sha256 {result['sha256'][:16]}")
    if before:
        console.print(
            f" in the bag      {before['commands']}: {before['identical']} identical, {before['different']} different "
            f"(by {before['most_different']:.2g} at most), {before['absent']} not made again",
            soft_wrap=True,
        )
    if written:
        console.print(escape(f" wrote {', '.join(map(str, written))}"))


def _stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def _compared(then: dict[tuple[int, int], bytes], now: dict[tuple[int, int], bytes]) -> dict[str, Any]:
    motors = {len(_positions(command)) for command in (*islice(then.values(), 1), *islice(now.values(), 1))}
    if len(motors) > 1:
        raise BadInputError(
            f"the bag's commands are for another robot: {' and '.join(map(str, sorted(motors)))} motors. Name the one that was "
            "recorded, with --robot, --inverse and --face."
        )
    both = then.keys() & now.keys()
    different = [stamp for stamp in both if then[stamp] != now[stamp]]
    distances = [np.abs(_positions(then[stamp]) - _positions(now[stamp])).max() for stamp in different]
    return {
        "commands": len(then),
        "identical": len(both) - len(different),
        "different": len(different),
        "most_different": float(max(distances, default=0.0)),
        "absent": len(then) - len(both),
    }


def _positions(command: bytes) -> np.ndarray:
    return bags.decoded(command, ARROWS[COMMAND].kind).positions
