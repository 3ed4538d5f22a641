"""What every training run shares: checkpoints, resume, early stop, TensorBoard, precision, one learning-rate schedule."""

import json
import pickle
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.utils.data import DataLoader

from ..errors import BadInputError

GRADIENT_NORM = 1.0  # seed 001, section 2.4.2
Precision = Literal["bf16-mixed", "32-true"]
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # what Linux calls it on x86 and on ARM


def one_cycle(module: lightning.LightningModule, learning_rate: float) -> OptimizerLRSchedulerConfig:
    """Adam (0.9, 0.999) as seed 001, under a one-cycle schedule over the whole run."""
    optimizer = torch.optim.Adam(module.parameters(), learning_rate, betas=(0.9, 0.999))
    steps = int(module.trainer.estimated_stepping_batches)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.1)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def run(
    module: lightning.LightningModule,
    training: DataLoader | dict[str, DataLoader],
    validation: DataLoader,
    output: Path,
    epochs: int,
    monitor: str,
    mode: str = "min",
    patience: int = 10,
    resume: bool = False,
    precision: Precision | None = None,
) -> float:
    """Fits module and leaves it with its best weights -> the monitored figure they reached. output: checkpoints and logs.

    precision: None for the fastest that recurrent layers bear.
    """
    best = ModelCheckpoint(output, "best", monitor, mode=mode, save_last=True, enable_version_counter=False)
    stop = EarlyStopping(monitor, mode=mode, patience=patience)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        devices=1,  # what comes after, the export, is not made to be run by several processes
        precision=precision or fastest(),
        gradient_clip_val=GRADIENT_NORM,
        callbacks=[best, stop, LearningRateMonitor(), RichProgressBar(console_kwargs={"stderr": True})],
        logger=TensorBoardLogger(str(output), name="", version=""),
        log_every_n_steps=10,
        enable_model_summary=False,
    )
    last = output / "last.ckpt"
    trainer.fit(module, training, validation, ckpt_path=str(last) if resume and last.exists() else None)
    state = torch.load(best.best_model_path, weights_only=False, map_location="cpu")["state_dict"]
    module.load_state_dict(state)
    assert best.best_model_score is not None
    return float(best.best_model_score)


def fastest(processor: Path = Path("/proc/cpuinfo")) -> Precision:
    """bfloat16 halves the time of recurrent layers where there is any; where it is imitated it takes six times as long."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if processor.is_file() and BFLOAT16 & set(processor.read_text().split()) else "32-true"


def begin(run: Path, settings: dict[str, Any], resume: bool) -> None:
    """Notes what a run is trained with. Raises BadInputError where it would go on with other settings than it began with."""
    noted = run / "settings.json"
    others = noted.exists() and json.loads(noted.read_text()) != settings
    if resume and others:
        raise BadInputError(f"{run}: was begun with other settings, which {noted} holds. Name another --output, or start anew.")
    run.mkdir(parents=True, exist_ok=True)
    if others:
        for left in run.glob("*.ckpt"):  # the next --resume must not go on from these
            left.unlink()
    noted.write_text(json.dumps(settings, indent=2))


def saved(network: Path) -> dict[str, Any]:
    """What a finished run's network.pt holds. Raises BadInputError."""
    if not network.is_file():
        raise BadInputError(f"{network}: no such file. Give the folder of a finished run of `lipsync-robot train`.")
    try:
        return torch.load(network, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInputError(f"{network}: cannot be read as what a training run saves. Train it anew.") from error
