"""Series at other moments than those they were taken at, by straight lines between neighbours."""

import numpy as np


def sampled(series: np.ndarray, at: np.ndarray) -> np.ndarray:
    """series (hops, ...) at moments (n,) within it, in hops -> (n, ...) float32."""
    before = np.minimum(at.astype(int), len(series) - 2)
    share = (at - before).reshape(-1, *[1] * (series.ndim - 1)).astype(np.float32)
    return series[before].astype(np.float32) * (1 - share) + series[before + 1].astype(np.float32) * share


def resample(series: np.ndarray, moments: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """series (n, ...) at moments (n,) s, rising -> (m, ...) float32 at wanted (m,) s; the ends are held."""
    at = np.clip(np.interp(wanted, moments, np.arange(len(moments))), 0, len(moments) - 1)
    return sampled(series, at)
