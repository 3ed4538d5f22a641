"""What a run's figures depend on, on machines that have it in other builds, or not at all."""

import platform
from importlib import metadata
from pathlib import Path

import pytest

from lipsync_robot.cli import usage
from lipsync_robot.cli.usage import installed, processor, version, versions


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


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (
            "processor\t: 0\nmodel name\t: Fast One @ 2 GHz\n\nprocessor\t: 1\nmodel name\t: Fast One @ 2 GHz\n",
            "Fast One @ 2 GHz",
        ),
        ("processor\t: 0\nCPU part\t: 0xd42\n", platform.machine()),
        (None, platform.machine()),
    ],
)
def test_a_processor_is_named_where_the_system_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None, name: str
) -> None:
    if told:
        (tmp_path / "cpuinfo").write_text(told)
    monkeypatch.setattr(usage, "CPUINFO", tmp_path / "cpuinfo")
    assert processor() == name
