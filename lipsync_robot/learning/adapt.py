"""Some seconds of somebody's own video to a network that opens its mouth as far, and as wide, as they do."""

import copy
import math
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler

from ..audio.mel import FRAME_RATE
from ..errors import BadInputError
from . import augment, clips
from .audio2landmark import Audio2LandmarkConfig, Audio2LandmarkTraining, closed
from .fit import GRADIENT_NORM
from .networks import Audio2Landmark
from .progress import track
from .voices import Sequences

STEPS, LEARNING_RATE = 200, 4e-4
BATCH, VOICES = 12, 8  # stretches of the person's own clips, and of other voices, in each step


def first_seconds(data: clips.Clips, seconds: float) -> tuple[clips.Clips, clips.Clips]:
    """The first clips that together last so long, and those after them."""
    lasted, count = 0.0, 0
    for place in data.places:
        if lasted >= seconds:
            break
        lasted += place.hops / FRAME_RATE
        count += 1
    return clips.Clips(data.places[:count]), clips.Clips(data.places[count:])


def adapted(module: Audio2LandmarkTraining, data: clips.Clips) -> Audio2LandmarkTraining:
    """A copy of a trained module that has gone on learning from one person's clips.

    It learns beside them to answer the voices that it was trained with as before, so that a few sentences do not make it forget
    how all others are spoken.
    """
    if not len(data):
        raise BadInputError("There is no clip to adapt to. Prepare some seconds of video: lipsync-robot data prepare FOLDER")
    if not isinstance(module.network, Audio2Landmark):
        raise BadInputError("A sliced network is for comparison only, and cannot be adapted. Name a run of a streaming one.")
    torch.manual_seed(0)
    before, module = module.eval(), copy.deepcopy(module).train()
    module.config = config = replace(module.config, following_weight=Audio2LandmarkConfig.following_weight)
    batches = [_drawn(clips.Stretches(data, config.length, config.lookahead), BATCH)]
    if config.voices:
        batches.append(_drawn(Sequences([Path(pack) for pack in config.voices], config.length), VOICES))
    optimizer = torch.optim.Adam(module.network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / STEPS))
    for (mel, face, weight), *voices in track(zip(*batches, strict=True), "adapting", STEPS):
        mel, shut = augment.microphone(mel), closed(face)
        for others, _ in voices:
            others = augment.everything(others)
            with torch.no_grad():
                answered, log_odds = before.told(others)
            face, shut = torch.cat([face, answered]), torch.cat([shut, torch.sigmoid(log_odds)])
            mel, weight = torch.cat([mel, others]), torch.cat([weight, torch.ones(others.shape[:2])])
        predicted, log_odds = module.told(mel)
        loss = module.missed(predicted, face, weight) + module.doubt(log_odds, shut, weight)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.network.parameters(), GRADIENT_NORM)
        optimizer.step()
        schedule.step()
    return module.eval()


def _drawn(data: Dataset, batch: int) -> DataLoader:
    """STEPS batches of it."""
    return DataLoader(data, batch, sampler=RandomSampler(data, replacement=True, num_samples=STEPS * batch))  # type: ignore[arg-type]
