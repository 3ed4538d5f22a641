"""A node's process ends, even if DDS does not let go of it."""

import signal
import subprocess
import sys
import time

HANGS = """
import ctypes
from rclpy.node import Node
from lipsync_robot.nodes import common

class Stuck(common.Configured):
    def __init__(self):
        super().__init__("stuck")
        print("up", flush=True)

Node.destroy_node = lambda self: ctypes.PyDLL(None).pause()  # as Fast DDS: in C, and with the interpreter's lock
common.FORGOTTEN_S = 0.5
common.run(Stuck)()
"""


def test_a_process_that_dds_does_not_let_go_of_ends_by_itself_and_says_where_it_stood() -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    time.sleep(0.5)  # until it spins
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "in destroy_node" in errors
