"""What a bag holds of one stage, and how the stages after it answer when neither topics nor a clock are between them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rclpy.serialization import deserialize_message, serialize_message

from .. import bags
from ..errors import BadInputError
from .common import VOID
from .topics import ARROWS, NEXT, STAGES


class Said(NamedTuple):
    moment: int  # ns since the epoch, when it was recorded
    name: str  # one of ARROWS
    message: Any


class Recorded:
    """One stage of a robot in a bag, and the sound that belongs to it."""

    def __init__(self, path: Path, stage: str, namespace: str = "") -> None:
        """stage: one of STAGES; namespace: of the robot, where the bag holds several. Raises BadInputError."""
        if stage not in STAGES:
            raise BadInputError(f"stage {stage!r} is not known. Known: {', '.join(STAGES)}.")
        self._path, self.name = path, STAGES[stage]
        holds = bags.contents(path)
        held = [topic for topic, count in holds.counts.items() if count]
        there = [topic for topic in held if topic.endswith(f"/{self.name}")]
        if namespace:
            there = [topic for topic in there if topic.removesuffix(self.name).strip("/") == namespace.strip("/")]
        if not there:
            raise BadInputError(f"{path}: holds no {self.name}{f' of {namespace}' if namespace else ''}, {_but(held)}.")
        if len(there) > 1:
            raise BadInputError(f"{path}: holds {' and '.join(there)}. Say which robot is meant, by its namespace.")
        self._space = there[0].removesuffix(self.name)
        self._counts = holds.counts
        self.count = self.counted(self.name)  # messages of the stage
        self.ends = holds.ends  # ns since the epoch, when the last message of the bag was recorded
        for name in {self.name, "audio", VOID, "motor/command"}:
            kind = holds.kinds.get(self._space + name, ARROWS[name].kind)
            if kind != ARROWS[name].kind:
                raise BadInputError(f"{path}: holds {kind} on {self._space}{name}, where {ARROWS[name].kind} is expected.")

    def counted(self, name: str) -> int:
        """Messages on another topic of the same robot."""
        return self._counts.get(self._space + name, 0)

    def messages(self, *names: str) -> Iterator[Said]:
        """What was said on these topics, one after the other. Raises BadInputError."""
        for topic, kind, moment, data in bags.messages(self._path, *(self._space + name for name in names)):
            name = topic.removeprefix(self._space)
            try:
                whole = bags.canonical(data, kind)
            except BadInputError as error:
                raise BadInputError(f"{self._path}: {error}") from error
            yield Said(moment, name, deserialize_message(whole, ARROWS[name].message))


def answers(said: Said, stages: Sequence[Any]) -> Iterator[Said]:
    """All that nodes answer, each to the one before it: what they would publish, in the same order."""
    if stages:
        for message in stages[0].answers(said.message):
            answer = Said(said.moment, NEXT[said.name], message)
            yield answer
            yield from answers(answer, stages[1:])


def serialized(said: Said) -> bytes:
    """The same bytes for the same message."""
    return bags.canonical(serialize_message(said.message), ARROWS[said.name].kind)


def _but(held: Sequence[str]) -> str:
    return f"but {', '.join(held)}" if held else "nor anything else"
