"""What a run costs this process, and what its figures depend on."""

import platform
import resource
import time
from importlib import metadata

PACKAGES = ("av", "mediapipe", "mujoco", "numpy", "onnxruntime", "pyserial", "rclpy")


class Usage:
    """What this process costs, from its creation to `stop`; memory is the peak since the process began."""

    def __init__(self) -> None:
        self._began, self._used = time.monotonic(), time.process_time()
        self.cpu_percent_of_one_core = 0.0
        self.peak_rss_mb = 0.0

    def stop(self) -> None:
        self.cpu_percent_of_one_core = 100 * (time.process_time() - self._used) / (time.monotonic() - self._began)
        self.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def versions() -> dict[str, str]:
    """Of what a run's figures depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}
