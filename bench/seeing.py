"""Does mirroring keep up? A film is mirrored in real time for minutes; the delay from picture to wire must not grow.

    python bench/seeing.py FILM [--minutes 10] [--json FILE]

The nodes of `lipsync-robot mimic` in one process, with the twin, as it runs them. A delay is from the moment at which a picture
was taken to that at which what was sent for it is heard of, one hop after it was on the wire.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the package itself does, unless numpy has been loaded before it

import numpy as np
from sensor_msgs.msg import JointState

from lipsync_robot.cli.mimic import CHAIN, EYES
from lipsync_robot.cli.usage import Usage
from lipsync_robot.nodes import common
from lipsync_robot.nodes.composed import composed
from lipsync_robot.resources import resource

PROMISED_MS = 80.0  # 99 of 100
SETTLED_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    figures = run(given.film, given.minutes)
    for key, value in figures.items():
        print(f"  {key:<40} {value}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(figures["broken"])


def run(film: Path, minutes: float) -> dict[str, Any]:
    overrides = {"camera": {"source": str(film.resolve()), "loop": True}, "recorder": {"film": False}}
    sent: list[tuple[float, float]] = []  # (stamp, s from it until it is heard of), the first time of each

    def on_sent(message: JointState) -> None:
        stamp = common.seconds(message.header.stamp)
        if not sent or stamp > sent[-1][0]:
            sent.append((stamp, time.time() - stamp))

    with composed(["twin", *CHAIN, *EYES], resource("config/mimic.yaml"), overrides) as composition:
        nodes = composition.nodes
        nodes["recorder"].create_subscription(JointState, "motor/sent", on_sent, common.MOTION)
        while nodes["face_landmarks"].found == 0:
            composition.spin(0.1)
        composition.spin(SETTLED_S)
        usage, pictures = Usage(), nodes["face_landmarks"].pictures
        began = time.time()
        for _ in range(round(minutes * 60)):
            composition.spin(1.0)
        usage.stop()
        pictures, missed = nodes["face_landmarks"].pictures - pictures, nodes["camera"].missed
    # Between two pictures the guard goes on by itself, under stamps of its own: those are no pictures'.
    ages = np.array([(stamp, 1000 * age) for stamp, age in sent if stamp > began and age > 0.002])
    by_minute = [ages[(ages[:, 0] - began) // 60 == k, 1] for k in range(max(1, round(minutes)))]
    p99 = [round(float(np.percentile(minute, 99)), 1) for minute in by_minute if len(minute)]
    whole = dict(zip(("p50", "p95", "p99", "max"), np.percentile(ages[:, 1], [50, 95, 99, 100]).round(1).tolist(), strict=True))
    return {
        "pictures a second": round(pictures / (60 * minutes), 2),
        "pictures missed": missed,
        "picture to wire, ms": whole,
        "p99 of each minute, ms": p99,
        "share of one core, %": round(usage.cpu_percent_of_one_core, 1),
        "memory, MB": round(usage.peak_rss_mb),
        "broken": whole["p99"] > PROMISED_MS or p99[-1] > 2 * p99[0],
    }


if __name__ == "__main__":
    main()
