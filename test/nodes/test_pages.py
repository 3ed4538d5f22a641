"""Large pages, as the kernel counts them; a process of its own, since they stay."""

import subprocess
import sys
from pathlib import Path

import pytest

ASKS = """
import numpy as np
from lipsync_robot.nodes import pages
weights = np.arange(1 << 22, dtype=np.float64)  # 32 MB
moved = pages.huge()
assert (weights == np.arange(1 << 22)).all()
lines = open("/proc/self/smaps_rollup").read().splitlines()
print(moved, next(int(line.split()[1]) << 10 for line in lines if line.startswith("AnonHugePages")))
"""


def asked() -> tuple[int, int]:
    """-> bytes that were moved, and bytes that lie in large pages."""
    told = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True, timeout=120)
    moved, lie = map(int, told.stdout.split())
    return moved, lie


def test_what_is_in_memory_is_kept_and_lies_in_large_pages() -> None:
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not setting.exists() or "[never]" in setting.read_text():
        pytest.skip("this Linux has no large pages, or its owner has turned them off")
    moved, lie = asked()
    if not moved:
        pytest.skip("this Linux moves nothing at once: it is older than 6.1, or short of memory")
    assert lie >= moved >= 30 << 20
