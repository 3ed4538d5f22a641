"""All verbs of `lipsync-robot`, and what its help says first.

A verb's module is loaded when it is asked for: all of them together take most of a second.
"""

import functools
from importlib import import_module
from typing import Any

import click
import typer
from typer.core import TyperGroup

from .json_report import Verb

VERBS: dict[str, tuple[str, dict[str, str]]] = {  # what each is in which module, and the verbs of a group that lie elsewhere
    "speak": ("speak.speak", {}),
    "bringup": ("bringup.bringup", {}),
    "say": ("say.say", {}),
    "mimic": ("mimic.mimic", {}),
    "coexpress": ("mimic.coexpress", {}),
    "record": ("record.record", {}),
    "replay": ("replay.replay", {}),
    "monitor": ("monitor.monitor", {}),
    "doctor": ("doctor.doctor", {}),
    "status": ("status.status", {}),
    "find-port": ("find_port.find_port", {}),
    "bench": ("bench.bench", {}),
    "babble": ("babble.babble", {}),
    "export": ("learning.export_run", {}),
    "adapt": ("learning.adapt", {}),
    "motors": ("motors.app", {"stop": "emergency.stop", "reset": "emergency.reset"}),
    "calibrate": ("calibrate.app", {"sync": "calibrate_sync.sync"}),
    "data": ("data.data", {}),
    "train": ("learning.train", {"predictor": "predictor.train"}),
    "evaluate": (
        "evaluate.app",
        {"robot": "evaluate_robot.robot", "inverse": "evaluate_robot.inverse", "predictor": "predictor.evaluate"},
    ),
    "study": ("study.app", {}),
}


class Verbs(TyperGroup):
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _loaded(cmd_name) if cmd_name in VERBS else None


app = Verbs(
    commands=dict.fromkeys(VERBS, click.Command(None)),  # their names; get_command has what they do
    help="Real-time control of animatronic faces: a face speaks in sync with the sound, with or without a robot.",
    no_args_is_help=True,
    suggest_commands=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@functools.cache
def _loaded(verb: str) -> click.Command:
    where, elsewhere = VERBS[verb]
    found = _found(where)
    group = found if isinstance(found, typer.Typer) else typer.Typer(add_completion=False)
    if group is not found:
        group.command(verb, cls=Verb)(found)
    for name, lies in elsewhere.items():
        group.command(name, cls=Verb)(_found(lies))
    command = typer.main.get_command(group)
    command.name = verb
    return command


def _found(where: str) -> Any:
    module, name = where.split(".")
    return getattr(import_module(f".{module}", __package__), name)
