"""The `lipsync-robot` command: one verb per task, one sentence for every mistake, the traceback in the log."""

import logging
import logging.handlers
import os
import sys
from pathlib import Path

from ..errors import LipsyncError

INTERRUPTED = 130  # the shell's convention for Ctrl-C


def main() -> None:
    try:
        log = _log_to_file()
        from .verbs import app  # here, so that Ctrl-C while it loads is no traceback either

        sys.exit(app(standalone_mode=False))  # which returns 130 after a Ctrl-C
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except LipsyncError as error:
        logging.exception("stopped")
        _say(str(error))
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        logging.exception("not installed")
        _say(f"{error.name} is not installed. Run: make setup")
        sys.exit(1)
    except Exception as error:
        if _was_interrupted(error):
            sys.exit(INTERRUPTED)
        if hasattr(error, "format_message"):  # click's own: a wrong option or argument
            _say(f"{error.format_message()} See lipsync-robot --help.")
            sys.exit(2)
        logging.exception("failed")
        _say(f"failed: {error!r}. This is a fault of lipsync-robot itself; {log}.")
        sys.exit(1)


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether a Ctrl-C is behind an error: a module in C++ makes an ImportError of one that meets it while it loads."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _say(sentence: str) -> None:
    print(f"lipsync-robot: {sentence}", file=sys.stderr)


def _log_to_file() -> str:
    """-> where the traceback is to be found, in words."""
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "lipsync_robot"
    handler: logging.Handler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "lipsync-robot.log"
        handler, where = (
            logging.handlers.RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1),
            f"its traceback is in {path}",
        )
    except OSError as error:
        handler = logging.NullHandler()
        where = f"there is no log, because {folder} cannot be written ({error.strerror})"
    logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return where
