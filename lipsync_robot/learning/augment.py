"""Other voices, rooms and microphones, applied to log-mel: tempo, throat, reverberation, level, colour, noise."""

import numpy as np
import torch
from torch import Tensor

from ..audio.mel import BANDS

SLOWEST, FASTEST = 0.85, 1.18


def tempo(length: int) -> np.ndarray:
    """Moments (length,) in hops from 0 at which to sample a recording; half the time it is then slower or faster."""
    speed = float(torch.empty(()).uniform_(SLOWEST, FASTEST)) if torch.rand(()) < 0.5 else 1.0
    return np.arange(length) * speed


def room(mel: Tensor) -> Tensor:
    """mel (batch, time, 80) dB -> two in five of them with a tail of reverberation, up to 100 ms a decade of power."""
    batch = len(mel)
    decay = 0.75 * torch.rand(batch, 1, device=mel.device)
    wet = 0.5 * torch.rand(batch, 1, 1, device=mel.device) * (torch.rand(batch, 1, 1, device=mel.device) < 0.4)
    power = 10 ** (mel / 10)
    tail, hops = torch.zeros_like(power[:, 0]), []
    for hop in power.unbind(1):
        tail = decay * tail + (1 - decay) * hop
        hops.append(tail)
    return 10 * torch.log10(((1 - wet) * power + wet * torch.stack(hops, 1)).clamp_min(1e-10))


def voice(mel: Tensor, warp: float = 0.15) -> Tensor:
    """mel (batch, time, 80) dB -> the same in a longer or a shorter throat: bands stretched by up to +-warp."""
    stretch = 1 + warp * (2 * torch.rand(len(mel), 1, device=mel.device) - 1)
    at = (torch.arange(BANDS, device=mel.device) * stretch).clamp(max=BANDS - 1)
    below = at.floor().long().clamp(max=BANDS - 2)
    share = (at - below)[:, None]
    index = below[:, None].expand_as(mel)
    return mel.gather(2, index) * (1 - share) + mel.gather(2, index + 1) * share


def microphone(mel: Tensor, gain_db: float = 12.0, tilt_db: float = 8.0, noise_db: float = 30.0) -> Tensor:
    """mel (batch, time, 80) dB -> the same through another microphone.

    gain_db: deviation-free span of the level, +-; tilt_db: how far a smooth colour of the room lifts or cuts a band;
    noise_db: stationary noise is added at most this far below the loudest band, in half of the batch.
    """
    batch = len(mel)
    colour = _smooth(batch, mel) * tilt_db
    level = (2 * torch.rand(batch, 1, 1, device=mel.device) - 1) * gain_db
    mel = mel + level + colour
    loudest = mel.amax(dim=(1, 2), keepdim=True)
    depth = noise_db + 50 * torch.rand(batch, 1, 1, device=mel.device)
    noise = loudest - depth + _smooth(batch, mel) * 6 + torch.randn_like(mel) * 3
    noisy = torch.logaddexp(mel * _NEPER, noise * _NEPER) / _NEPER
    return torch.where(torch.rand(batch, 1, 1, device=mel.device) < 0.5, noisy, mel)


def stationary_noise(like: Tensor) -> Tensor:
    """like (batch, time, 80) dB -> as much noise of random level and colour, in which nobody speaks."""
    level = -100 + 85 * torch.rand(len(like), 1, 1, device=like.device)
    return level + _smooth(len(like), like) * 15 + torch.randn_like(like) * 4


def everything(mel: Tensor) -> Tensor:
    """mel (batch, time, 80) dB -> the same from other throats, rooms and microphones."""
    return microphone(room(voice(mel)))


_NEPER = torch.log(torch.tensor(10.0)).item() / 10  # dB to the natural logarithm of power


def _smooth(batch: int, like: Tensor) -> Tensor:
    """(batch, 1, 80) random curves over the bands, about -1..1, drawn through five points."""
    knots = torch.randn(batch, 1, 5, device=like.device) * 0.5
    return torch.nn.functional.interpolate(knots, BANDS, mode="linear", align_corners=True)
