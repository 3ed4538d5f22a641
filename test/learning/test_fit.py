"""In which precision a machine trains, and what a run goes on from."""

from pathlib import Path

import pytest
import torch

from lipsync_robot.errors import BadInputError
from lipsync_robot.learning import fit


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU, which is asked instead of the processor")
@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", "bf16-mixed"),
        ("Features\t: fp asimd bf16 i8mm", "bf16-mixed"),
        ("flags\t\t: fpu avx2 avx512f", "32-true"),  # which computes bfloat16 too, six times as slowly
    ],
)
def test_bfloat16_is_for_processors_that_have_it(tmp_path: Path, flags: str, precision: str) -> None:
    (tmp_path / "cpuinfo").write_text(flags)
    assert fit.fastest(tmp_path / "cpuinfo") == precision
    assert fit.fastest(tmp_path / "elsewhere") == "32-true"


def test_a_run_goes_on_only_from_what_was_trained_with_its_settings(tmp_path: Path) -> None:
    fit.begin(tmp_path, {"seed": 0}, resume=False)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(BadInputError, match="was begun with other settings"):
        fit.begin(tmp_path, {"seed": 1}, resume=True)
    fit.begin(tmp_path, {"seed": 0}, resume=True)
    assert (tmp_path / "last.ckpt").exists()
    fit.begin(tmp_path, {"seed": 1}, resume=False)
    assert not (tmp_path / "last.ckpt").exists()
