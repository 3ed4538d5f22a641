"""How far the wire can be trusted: fuzzed parsers, injected faults, killed processes, how soon a command is on it,
and how soon a robot speaks and stops.

    python bench/wire.py [fuzz] [faults] [kill] [latency] [say] [--bus dynamixel] [--json FILE]

Everything runs in real time on genuine nodes, each a process, in front of a virtual controller on a pty. Exit status 1 if a
promise is broken; figures of speed are printed, and judged by whoever reads them.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import fuzz
import kill
import latency
import say

BENCHES: dict[str, Callable[[str], dict[str, Any]]] = {
    "fuzz": fuzz.run,
    "faults": faults.run,
    "kill": kill.run,
    "latency": latency.run,
    "say": say.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # argparse would hold the default itself against `choices`
    parser.add_argument("what", type=_known, nargs="*", default=list(BENCHES), metavar="|".join(BENCHES))
    parser.add_argument("--bus", choices=("maestro", "dynamixel"), default="maestro", help="what the servos hang on")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
    figures = {}
    for name in given.what:
        figures[name] = BENCHES[name](given.bus)
        print(f"\n{name}")
        for key, value in figures[name].items():
            print(f"  {key:<40} {value}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(any(figure.get("broken") for figure in figures.values()))


def _known(name: str) -> str:
    if name not in BENCHES:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(BENCHES)}")
    return name


if __name__ == "__main__":
    main()
