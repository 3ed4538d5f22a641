"""Some seconds of somebody's own video to a network that opens its mouth as far, and as wide, as they do."""

import copy
import math

import torch
from torch.utils.data import DataLoader, RandomSampler

from ..audio.mel import FRAME_RATE
from ..errors import BadInputError
from . import augment, clips
from .audio2landmark import Audio2LandmarkTraining
from .fit import GRADIENT_NORM
from .progress import track

STEPS, BATCH, LEARNING_RATE = 150, 12, 4e-4


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
    """A copy of a trained module that has gone on learning from one person's clips alone."""
    if not len(data):
        raise BadInputError("There is no clip to adapt to. Prepare some seconds of video: lipsync-robot data prepare FOLDER")
    torch.manual_seed(0)
    module = copy.deepcopy(module).train()
    stretches = clips.Stretches(data, module.config.length, module.config.lookahead)
    sampler = RandomSampler(stretches, replacement=True, num_samples=STEPS * BATCH)
    optimizer = torch.optim.Adam(module.network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / STEPS))
    for mel, face, weight in track(DataLoader(stretches, BATCH, sampler=sampler), "adapting", STEPS):
        loss = module.missed(module(augment.microphone(mel)), face, weight)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.network.parameters(), GRADIENT_NORM)
        optimizer.step()
        schedule.step()
    return module.eval()
