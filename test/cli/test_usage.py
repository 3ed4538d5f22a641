"""What a run's figures depend on, on machines that have it in other builds, or not at all."""

from importlib import metadata

import pytest

from lipsync_robot.cli.usage import installed, version, versions


def test_a_gpus_onnxruntime_and_a_package_that_is_missing_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(name: str) -> str:
        if name in ("onnxruntime", "mujoco"):
            raise metadata.PackageNotFoundError(name)
        return "1.20.0" if name == "onnxruntime-gpu" else "1.0"

    monkeypatch.setattr(metadata, "version", elsewhere)
    assert installed("onnxruntime") == ("onnxruntime-gpu", "1.20.0")
    assert version("onnxruntime") == "onnxruntime-gpu 1.20.0"
    assert installed("mujoco") is None
    assert versions()["mujoco"] == "not installed"
    assert versions()["numpy"] == "1.0"
