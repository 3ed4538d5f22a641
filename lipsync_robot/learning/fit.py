"""What every training run shares: checkpoints, resume, early stop, TensorBoard, precision, one learning-rate schedule."""

import json
import pickle
import signal
import sys
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
MATRICES = "amx_bf16"  # what Linux calls a processor's own multiplication of matrices of bfloat16


def one_cycle(module: lightning.LightningModule, learning_rate: float) -> OptimizerLRSchedulerConfig:
    """Adam as seed 001, under a one-cycle schedule of learning rate and momentum over the whole run."""
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
    devices: int = 1,
) -> float:
    """Fits module and leaves it with its best weights -> the monitored figure they reached. output: checkpoints and logs.

    precision: None for the fastest that recurrent layers bear. devices: GPUs, or else processes, that train together. Each is
    a process that runs all of the command up to here, draws by a chance of its own, and should be given its part of a batch;
    only the first one comes back.
    """
    best = Best(output, "best", monitor, mode=mode, save_last=True, enable_version_counter=False)
    stop = EarlyStopping(monitor, mode=mode, patience=patience)
    trainer = lightning.Trainer(
        max_epochs=epochs,
        devices=devices,
        # Without voices the head that tells phones gets no gradient, for which others would wait.
        strategy="ddp_find_unused_parameters_true" if devices > 1 else "auto",
        use_distributed_sampler=False,  # it would draw every piece of the voices, and leave nothing to weights
        precision=precision or fastest(),
        gradient_clip_val=GRADIENT_NORM,
        callbacks=[best, stop, Chance(), LearningRateMonitor(), RichProgressBar(console_kwargs={"stderr": True})],
        logger=TensorBoardLogger(str(output), name="", version=""),
        log_every_n_steps=10,
        enable_model_summary=False,
        num_sanity_val_steps=0,  # each counts as all of the validation
    )
    if not trainer.is_global_zero:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one ends them; on their own they would pull it down
    last = output / "last.ckpt"
    try:
        trainer.fit(module, training, validation, ckpt_path=str(last) if resume and last.exists() else None)
    except SystemExit:  # which Lightning makes of Ctrl-C
        whole = f"{trainer.current_epoch} of {epochs} epochs are whole; --resume goes on from there"
        print(f" stopped: {whole if last.exists() else 'before the first epoch was whole'}", file=sys.stderr)
        raise KeyboardInterrupt from None
    if devices > 1:
        torch.distributed.destroy_process_group()
    if not trainer.is_global_zero:
        sys.exit()
    kept = torch.load(output / "best.ckpt", weights_only=False, map_location="cpu")
    module.load_state_dict(kept["state_dict"])
    (score,) = (each["best_model_score"] for name, each in kept["callbacks"].items() if name.startswith(Best.__qualname__))
    return float(score)


class Best(ModelCheckpoint):
    """Knows what it has kept, also where the run's folder was moved meanwhile."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        def here(path: str) -> str:
            return str(Path(str(self.dirpath), Path(path).name)) if path else path

        paths = {key: here(state_dict[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
        kept = {here(path): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **paths, "best_k_models": kept, "dirpath": self.dirpath})


class Chance(lightning.Callback):
    """Has a run that goes on draw what it would have drawn: not again what it began with. And each of several devices others
    than the first one; these draw anew where a run goes on."""

    def __init__(self) -> None:
        self._before: dict[str, Any] | None = None

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        self._part(trainer.global_rank)

    def state_dict(self) -> dict[str, Any]:
        return {"processor": torch.get_rng_state(), "gpus": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._before = state_dict

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if self._before:
            torch.set_rng_state(self._before["processor"].cpu())
            if len(self._before["gpus"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all([state.cpu() for state in self._before["gpus"]])
            self._before = None
            self._part(trainer.global_rank)
            batches = trainer.fit_loop._data_fetcher
            assert batches is not None
            iter(batches)  # anew: the samplers have drawn already, by chance as it stood

    def _part(self, rank: int) -> None:
        """From here on this device's chance is its own."""
        if rank:
            torch.manual_seed(int(torch.randint(2**48, ())) + rank)


def fastest(processor: Path = Path("/proc/cpuinfo")) -> Precision:
    """bfloat16 on what multiplies matrices of it. With AVX-512's bfloat16 alone, recurrent layers take half as long again as in
    float32; where it is imitated, six times as long."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if processor.is_file() and MATRICES in processor.read_text().split() else "32-true"


def share(setting: str, value: int, devices: int) -> int:
    """What each of the devices takes of the value of a setting. Raises BadInputError."""
    there = torch.cuda.device_count() or devices
    if devices > there:
        raise BadInputError(f"--devices {devices}: this machine has {there} GPUs. Give at most so many.")
    if value % devices:
        raise BadInputError(
            f"--devices {devices}: {setting} {value} cannot be shared evenly among them. Change one of the two."
        )
    return value // devices


def begin(run: Path, settings: dict[str, Any], resume: bool) -> None:
    """Notes what a run is trained with. Raises BadInputError where another one would be lost, or go on with other settings."""
    noted = run / "settings.json"
    settings = json.loads(json.dumps(settings))
    if resume:
        before = json.loads(noted.read_text()) if noted.exists() else settings
        for key in {**before, **settings}:
            if before.get(key) != settings.get(key):
                raise BadInputError(
                    f"{run}: was begun with {key} {before.get(key)!r}, now it is {settings.get(key)!r}. "
                    "Give the same settings to go on, or another --output."
                )
    elif any(run.glob("*.ckpt")) or (run / "network.pt").exists():
        raise BadInputError(f"{run}: holds a training already. --resume goes on with it; name another --output for a new one.")
    run.mkdir(parents=True, exist_ok=True)
    if not noted.exists() or json.loads(noted.read_text()) != settings:  # once: other devices read it at the same time
        noted.write_text(json.dumps(settings, indent=2))


def saved(network: Path) -> dict[str, Any]:
    """What a finished run's network.pt holds. Raises BadInputError."""
    if not network.is_file():
        raise BadInputError(f"{network}: no such file. Give the folder of a finished run of `lipsync-robot train`.")
    try:
        return torch.load(network, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BadInputError(f"{network}: cannot be read as what a training run saves. Train it anew.") from error
