"""The `lipsync-robot` command: one verb per task, one sentence for every mistake, the traceback in the log."""

import importlib.util
import logging
import logging.handlers
import os
import signal
import sys
import sysconfig
from pathlib import Path
from types import FrameType

from ..errors import BadInputError, LipsyncError
from ..resources import installing

INTERRUPTED = 130  # the shell's convention for Ctrl-C
AGAIN_S = 0.02  # after which a Ctrl-C that met the loading of a module is raised once more


def main() -> None:
    try:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as in the background of a script
            signal.signal(signal.SIGINT, _interrupt)
            signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
        log = _log_to_file()
        _only_one_ros()
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
        _say(f"{error.name} is not installed. Run: {installing()}")
        sys.exit(1)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own: a wrong option or argument, or none, when its help was printed
            if wrong := error.format_message():
                verb = getattr(getattr(error, "ctx", None), "command_path", "lipsync-robot")
                _say(f"{wrong} See {verb} --help.")
            sys.exit(2)
        if isinstance(error, OSError) and error.filename and error.strerror:  # the user's disk and folders, not ours
            logging.exception("failed")
            _say(f"{os.fsdecode(error.filename)}: {error.strerror}.")
            sys.exit(1)
        logging.exception("failed")
        _say(f"failed: {error!r}. This is a fault of lipsync-robot itself; {log}.")
        sys.exit(1)
    finally:
        if signal.getsignal(signal.SIGINT) is _interrupt:  # no longer: Python gives up the alarm's handler before it ends
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0)


def _only_one_ros() -> None:
    """An environment with a ROS 2 of its own works with no other: libraries of both would be mixed. Raises BadInputError."""
    own, found = Path(sysconfig.get_path("purelib"), "rclpy"), importlib.util.find_spec("rclpy")
    if own.is_dir() and found and found.origin and Path(found.origin).parent != own:
        raise BadInputError(
            f"this shell has sourced another ROS 2 (its rclpy is {Path(found.origin).parent}), which gets in the way of what "
            f"{sys.prefix} holds. Open a shell that has not: echo $PYTHONPATH must say nothing."
        )


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C, which waits while a module loads: one in C++ prints a traceback of it, and makes an ImportError of it."""
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    if frame is None:
        raise KeyboardInterrupt
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)


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
