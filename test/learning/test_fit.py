"""In which precision a machine trains, on how many devices, and what a run goes on from."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.utils.data import DataLoader

from lipsync_robot.errors import BadInputError
from lipsync_robot.learning import fit


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU, which is asked instead of the processor")
@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16", "bf16-mixed"),
        ("flags\t\t: fpu avx2 avx512f avx512_bf16", "32-true"),  # which computes bfloat16 too, half as slowly again
        ("flags\t\t: fpu avx2 avx512f", "32-true"),
    ],
)
def test_bfloat16_is_for_processors_that_multiply_matrices_of_it(tmp_path: Path, flags: str, precision: str) -> None:
    (tmp_path / "cpuinfo").write_text(flags)
    assert fit.fastest(tmp_path / "cpuinfo") == precision
    assert fit.fastest(tmp_path / "elsewhere") == "32-true"


def test_a_run_goes_on_only_with_its_settings_and_is_not_trained_over(tmp_path: Path) -> None:
    fit.begin(tmp_path, {"seed": 0, "sizes": (1, 2)}, resume=False)
    fit.begin(tmp_path, {"seed": 0, "sizes": (1, 3)}, resume=False)  # nothing was trained yet
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(BadInputError, match="was begun with seed 0, now it is 1"):
        fit.begin(tmp_path, {"seed": 1, "sizes": (1, 3)}, resume=True)
    fit.begin(tmp_path, {"seed": 0, "sizes": (1, 3)}, resume=True)
    with pytest.raises(BadInputError, match="holds a training already"):
        fit.begin(tmp_path, {"seed": 1}, resume=False)
    assert (tmp_path / "last.ckpt").exists()


class Line(lightning.LightningModule):
    """Learns one number from numbers drawn by chance; its figure is told, and best where a test wants it."""

    def __init__(self, figures: list[float], stop_after: int | None) -> None:
        """stop_after: epochs, after which somebody presses Ctrl-C."""
        super().__init__()
        self.number, self._figures, self._stop_after = torch.nn.Parameter(torch.zeros(())), figures, stop_after
        self.seen: list[list[float]] = []

    def on_train_epoch_start(self) -> None:
        if self.current_epoch == self._stop_after:
            raise KeyboardInterrupt
        self.seen.append([])

    def training_step(self, batch: torch.Tensor, _: int) -> torch.Tensor:
        drawn = batch + torch.rand(len(batch), 1)
        self.seen[-1] += drawn.flatten().tolist()
        return (self.number - drawn).square().mean()

    def validation_step(self, batch: torch.Tensor, _: int) -> None:
        self.log("figure", self._figures[self.current_epoch])

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return fit.one_cycle(self, 0.1)


def trained(output: Path, figures: list[float], resume: bool = False, stop_after: int | None = None) -> Line:
    lightning.seed_everything(0)
    module = Line(figures, stop_after)
    numbers = torch.arange(8.0)[:, None]
    loader: DataLoader = DataLoader(numbers, 2, shuffle=True)  # type: ignore[arg-type]
    once: DataLoader = DataLoader([0])  # type: ignore[arg-type]
    fit.run(module, loader, once, output, len(figures), "figure", resume=resume, precision="32-true")
    return module


def test_a_run_that_was_interrupted_ends_as_one_that_was_not_wherever_it_lies_by_then(tmp_path: Path, capsys) -> None:
    figures = [0.5, 0.1, 0.3, 0.2]  # the best is of before the interruption
    straight = trained(tmp_path / "straight", figures)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "here", figures, stop_after=2)
    assert "2 of 4 epochs are whole; --resume goes on" in capsys.readouterr().err
    (tmp_path / "here").rename(tmp_path / "there")
    resumed = trained(tmp_path / "there", figures, resume=True)
    assert resumed.seen == straight.seen[2:]
    assert resumed.number == straight.number


def test_the_best_epoch_is_kept_and_not_the_last(tmp_path: Path) -> None:
    figures = [0.5, 0.1, 0.3, 0.2]
    best = trained(tmp_path / "best", figures)
    last = trained(tmp_path / "last", sorted(figures, reverse=True))
    assert best.seen == last.seen
    assert best.number != last.number
    assert trained(tmp_path / "best", figures, resume=True).number == best.number  # it is over: nothing is trained


TOGETHER = """
import json, sys
from pathlib import Path
import lightning, torch
from torch.utils.data import DataLoader, RandomSampler
from lipsync_robot.learning import fit
from test_fit import Line

class Told(Line):
    def on_train_start(self):
        if self.global_rank:
            self._stop_after = None  # Ctrl-C is for the first one, which ends the other

    def on_train_epoch_end(self):
        told = {"seen": self.seen, "number": self.number.item()}
        Path(f"{self.global_rank}.json").write_text(json.dumps(told))

lightning.seed_everything(0)
resume = sys.argv[1:] == ["--resume"]
numbers = torch.arange(8.0)[:, None]
loader = DataLoader(numbers, 2, sampler=RandomSampler(numbers, num_samples=4))
told = Told([0.4, 0.3, 0.2, 0.1], None if resume else 2)
fit.run(told, loader, DataLoader([0]), Path("run"), 4, "figure", resume=resume, precision="32-true", devices=2)
print("came back")
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU, and may have only one")
def test_two_devices_draw_by_chances_of_their_own_and_learn_the_same_also_when_they_go_on(tmp_path: Path) -> None:
    (tmp_path / "together.py").write_text(TOGETHER)
    drawn: list[float] = []
    for arguments, end, says in (([], -signal.SIGINT, "2 of 4 epochs are whole"), (["--resume"], 0, "came back")):
        ended = together(tmp_path, *arguments)
        assert ended.returncode == end, ended.stderr
        assert (ended.stdout + ended.stderr).count(says) == 1
        one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
        assert one["number"] == other["number"] != 0
        drawn += np.ravel([one["seen"], other["seen"]]).tolist()
    assert len(drawn) == len(set(drawn)) == 4 * 2 * 4  # epochs, devices, numbers


def together(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command, places = [sys.executable, "together.py", *arguments], {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(command, cwd=folder, env=places, capture_output=True, text=True, timeout=300, check=False)


def test_a_batch_is_shared_evenly_or_not_at_all() -> None:
    assert fit.share("batch", 32, 1) == 32
    with pytest.raises(BadInputError, match=r"--devices 5: (batch 32 cannot be shared evenly|this machine has)"):
        fit.share("batch", 32, 5)
