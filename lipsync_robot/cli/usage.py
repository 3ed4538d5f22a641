"""What a run costs this process."""

import resource
import time


class Usage:
    """What this process costs, from its creation to `stop`; memory is the peak since the process began."""

    def __init__(self) -> None:
        self._began, self._used = time.monotonic(), time.process_time()
        self.cpu_percent_of_one_core = 0.0
        self.peak_rss_mb = 0.0

    def stop(self) -> None:
        self.cpu_percent_of_one_core = 100 * (time.process_time() - self._used) / (time.monotonic() - self._began)
        self.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
