"""The `lipsync-robot` command: one verb per task, one sentence for every mistake, the traceback in the log."""

import logging
import logging.handlers
import os
import sys
from pathlib import Path

import typer

from ..errors import LipsyncError
from . import learning, speak

INTERRUPTED = 130  # the shell's convention for Ctrl-C

app = typer.Typer(
    help="Real-time control of animatronic faces: a face speaks in sync with the sound, with or without a robot.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("speak")(speak.speak)
app.command("babble")(learning.babble)
app.add_typer(learning.data, name="data")
app.add_typer(learning.train, name="train")
app.add_typer(learning.evaluate, name="evaluate")


def main() -> None:
    log = _log_to_file()
    try:
        sys.exit(app(standalone_mode=False))  # which returns 130 after a Ctrl-C
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except LipsyncError as error:
        logging.exception("stopped")
        _say(str(error))
        sys.exit(error.exit_code)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own: a wrong option or argument
            _say(f"{error.format_message()} See lipsync-robot --help.")
            sys.exit(2)
        logging.exception("failed")
        _say(f"failed: {error!r}. This is a fault of lipsync-robot itself; the traceback is in {log}.")
        sys.exit(1)


def _say(sentence: str) -> None:
    print(f"lipsync-robot: {sentence}", file=sys.stderr)


def _log_to_file() -> Path:
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "lipsync_robot"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lipsync-robot.log"
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1)
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return path
