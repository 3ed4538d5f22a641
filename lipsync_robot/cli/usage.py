"""What a run costs this process, and what its figures depend on."""

import contextlib
import platform
import re
import resource
import time
from importlib import metadata
from pathlib import Path

OTHER_BUILDS = {"onnxruntime": ("onnxruntime-gpu",)}  # of the same modules; a Jetson's belongs to its JetPack
CPUINFO = Path("/proc/cpuinfo")
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
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def processor() -> str:
    """Its name, as far as the system tells: Linux on ARM tells none."""
    name = re.search(r"^model name\s*: (.+)$", CPUINFO.read_text(), re.MULTILINE) if CPUINFO.exists() else None
    return name[1] if name else platform.machine()


def version(package: str) -> str:
    """In words: what is installed may be another build of the package, or nothing."""
    build, number = installed(package) or ("", "not installed")
    return number if build in (package, "") else f"{build} {number}"


def installed(package: str) -> tuple[str, str] | None:
    """Name and version of the package or of another build of it."""
    for build in (package, *OTHER_BUILDS.get(package, ())):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return build, metadata.version(build)
    return None
