"""What every training run shares: checkpoints, resume, early stop, TensorBoard, precision, one learning-rate schedule."""

from pathlib import Path
from typing import Literal

import lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch.utils.data import DataLoader

GRADIENT_NORM = 1.0  # seed 001, section 2.4.2


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
    precision: Literal["bf16-mixed", "32-true"] = "bf16-mixed",
) -> float:
    """Fits module and leaves it with its best weights -> the monitored figure they reached. output: checkpoints and logs.

    bfloat16 halves the time of recurrent layers on a processor that has it, and on any recent GPU.
    """
    best = ModelCheckpoint(output, "best", monitor, mode=mode, save_last=True, enable_version_counter=False)
    stop = EarlyStopping(monitor, mode=mode, patience=patience)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        precision=precision,
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
