"""--json of the verbs that measure something: `--json FILE.json` writes the report there, `--json` alone prints it."""

import json
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperCommand

from ..errors import BadInputError
from .files import STDOUT

OPTION = "--json"


def _checked(path: Path | None) -> Path | None:
    """So that `speak --json me.wav`, of somebody who meant to say me.wav, leaves it as it is."""
    if path and path != STDOUT and path.suffix != ".json":
        raise BadInputError(f"{OPTION} {path}: name a file that ends in .json, or put {OPTION} last to print the report.")
    return path


JsonReport = Annotated[
    Path | None,
    typer.Option(OPTION, metavar="[FILE.json]", callback=_checked, help="Write the report to a file; without one, print it."),
]


class Verb(TyperCommand):
    """Takes a JsonReport without its file: Typer has no options whose value may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        reports = any(
            OPTION in option.opts and not option.is_flag for option in self.params if isinstance(option, click.Option)
        )
        if reports and OPTION in args:
            value = args.index(OPTION) + 1
            if value == len(args) or (args[value].startswith("-") and args[value] != str(STDOUT)):
                args.insert(value, str(STDOUT))
        return super().parse_args(ctx, args)


def write_report(path: Path | None, report: dict[str, Any]) -> None:
    """Where JsonReport says; nowhere if it was not given."""
    text = json.dumps(report, indent=2) + "\n"
    if path == STDOUT:
        print(text, end="")
    elif path:
        path.write_text(text)
