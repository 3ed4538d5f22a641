"""The speaking chain in one process, for `lipsync-robot bench`: python -m lipsync_robot.cli.bench_chain '{"names": ...}'."""

import json
import sys

from rclpy import executors

from ..nodes.composed import composed
from ..nodes.executor import TurnExecutor
from ..resources import resource

EXECUTORS = {
    "TurnExecutor": TurnExecutor,
    "SingleThreadedExecutor": executors.SingleThreadedExecutor,
    "MultiThreadedExecutor": executors.MultiThreadedExecutor,
}


def main() -> None:
    """Speaks until it is interrupted."""
    given = json.loads(sys.argv[1])
    settings, executor = resource("config/speak.yaml"), EXECUTORS[given["executor"]]
    try:
        with composed(
            given["names"], settings, given["overrides"], namespace=given["namespace"], executor=executor
        ) as composition:
            while True:
                composition.spin(1.0)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
