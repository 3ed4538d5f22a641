"""docs/reference.md is made from the code."""

import subprocess
import sys

from lipsync_robot.resources import resource

COMMAND = (sys.executable, "-m", "lipsync_robot.nodes.reference")


def test_the_reference_is_what_the_nodes_say_of_themselves() -> None:
    made = subprocess.run(COMMAND, capture_output=True, text=True, timeout=200, check=True)
    assert made.stdout == resource("docs/reference.md").read_text(), f"run: {' '.join(COMMAND[1:])} > docs/reference.md"
