"""The one base of every error that a person can mend: its text says what, where, which value and what to do."""


class LipsyncError(Exception):
    """Shown as one sentence at the terminal; its traceback goes to the log."""

    exit_code = 1


class BadInputError(LipsyncError):
    """A file, a device name or a setting that was given cannot be used."""

    exit_code = 2
