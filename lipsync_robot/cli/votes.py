"""What the votes of a blind study say: preferences, how sure they are, how steady the people were."""

import dataclasses
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from .. import settings
from ..errors import BadInputError

T = TypeVar("T")

NORMAL_95 = 1.959964  # standard deviations to either side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class Pair:
    name: str
    a: str  # the film's name on the page
    b: str


@dataclass(frozen=True)
class Key:
    """Which film of a study is whose."""

    note: str
    study: str
    question: str
    a: str  # folder, as it was given
    b: str
    pairs: list[Pair]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Key":
        return _load(cls, path, "Give the .key.json that `lipsync-robot study make` wrote.")


@dataclass(frozen=True)
class Vote:
    left: str  # film
    right: str
    choice: Literal["left", "right", "none"]
    seconds: float  # from the first picture


@dataclass(frozen=True)
class Person:
    participant: str
    begun: str  # ISO 8601
    asked: int  # pairs, the repeated ones too
    votes: list[Vote]


@dataclass(frozen=True)
class Ballot:
    """What the page's people download: everybody who voted in that browser."""

    study: str
    people: list[Person]


class Tally(NamedTuple):
    a: int
    b: int
    none: int

    @classmethod
    def of(cls, choices: Iterable[str]) -> "Tally":
        all_of_them = list(choices)
        return cls(*map(all_of_them.count, cls._fields))

    def figures(self) -> dict[str, Any]:
        decided = self.a + self.b
        return {
            **self._asdict(),
            "share_a": self.a / decided if decided else None,
            "share_a_interval": wilson(self.a, decided) if decided else None,
            "p": sign_test(self.a, self.b),
        }


def people_of(files: Iterable[Path], key: Key) -> list[Person]:
    """Everybody in these files, once: who is in several, as downloaded earlier and later, counts by the longest."""
    found: dict[str, Person] = {}
    for path in files:
        ballot = _load(Ballot, path, "Give what the study's page lets people download.")
        if ballot.study != key.study:
            raise BadInputError(f"{path}: of study {ballot.study!r}, but the key is of {key.study!r}. Give that study's key.")
        for person in ballot.people:
            _check(person, key, path)
            known = found.setdefault(person.participant, person)
            longer, shorter = sorted((known, person), key=lambda each: len(each.votes), reverse=True)
            if longer.votes[: len(shorter.votes)] != shorter.votes:
                raise BadInputError(f"{path}: {person.participant!r} voted otherwise in another file. Leave one out.")
            found[person.participant] = longer
    return list(found.values())


def count(people: list[Person], key: Key) -> dict[str, Any]:
    """The study's figures: `overall`, `people` and each of `pairs` as Tally.figures; `repeats`; `sides`."""
    pair_of = {film: pair for pair in key.pairs for film in (pair.a, pair.b)}
    first: list[tuple[str, str]] = []  # pair, choice
    sides: list[str] = []
    leanings: list[str] = []
    alike: list[bool] = []
    for person in people:
        own: dict[str, str] = {}
        for vote in person.votes:
            pair, choice = pair_of[vote.left], _chosen(vote, pair_of[vote.left])
            if pair.name in own:
                alike.append(choice == own[pair.name])
            else:
                own[pair.name] = choice
                sides.append(vote.choice)
        first += own.items()
        balance = Tally.of(own.values())
        if own:
            leanings.append("a" if balance.a > balance.b else "b" if balance.b > balance.a else "none")
    left, right = sides.count("left"), sides.count("right")
    return {
        "study": key.study,
        "question": key.question,
        "a": key.a,
        "b": key.b,
        "participants": len(leanings),
        "unfinished": sum(0 < len(person.votes) < person.asked for person in people),
        "overall": Tally.of(choice for _, choice in first).figures(),
        "people": Tally.of(leanings).figures(),
        "pairs": {pair.name: Tally.of(choice for name, choice in first if name == pair.name).figures() for pair in key.pairs},
        "repeats": {"shown": len(alike), "alike": sum(alike)},
        "sides": {"left": left, "right": right, "p": sign_test(left, right)},
    }


def sign_test(a: int, b: int) -> float:
    """How often a fair coin falls so unevenly, to either side, in a + b throws; exact."""
    tail = sum(math.comb(a + b, fewer) for fewer in range(min(a, b) + 1))
    return min(1.0, 2 * tail / 2 ** (a + b))


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927), of at least one try."""
    share, z2 = hits / tries, NORMAL_95**2 / tries
    centre = share + z2 / 2
    half = math.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return max(0.0, (centre - half) / (1 + z2)), min(1.0, (centre + half) / (1 + z2))


def _chosen(vote: Vote, pair: Pair) -> str:
    if vote.choice == "none":
        return "none"
    return "a" if {"left": vote.left, "right": vote.right}[vote.choice] == pair.a else "b"


def _check(person: Person, key: Key, path: Path) -> None:
    """That all votes are on the study's pairs, and on each at most twice: once per side."""
    possible = {sides for pair in key.pairs for sides in ((pair.a, pair.b), (pair.b, pair.a))}
    films = [(vote.left, vote.right) for vote in person.votes]
    for each in films:
        where = f"{path}: participant {person.participant!r}: films {' and '.join(each)}"
        if each not in possible:
            raise BadInputError(f"{where} are no pair of this study. Was the file edited?")
        if films.count(each) > 1:
            raise BadInputError(f"{where} were voted on twice. Was the file edited?")


def _load(cls: type[T], path: Path, remedy: str) -> T:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such file. {remedy}") from None
    except (ValueError, OSError) as error:
        raise BadInputError(f"{path}: not JSON ({error}). {remedy}") from error
    try:
        return settings.build(cls, content, str(path))
    except settings.SettingsError as error:
        raise BadInputError(f"{error} {remedy}") from error
