"""Where programs of one robot find each other."""

import tempfile
from pathlib import Path

import pytest

from lipsync_robot.errors import BadInputError
from lipsync_robot.motors.ports import run_folder


def test_a_runtime_folder_that_is_not_there_is_replaced_and_none_at_all_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert run_folder().parent == tmp_path
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(BadInputError, match=r"cannot be made. Let XDG_RUNTIME_DIR or TMPDIR name a folder of yours"):
        run_folder()
