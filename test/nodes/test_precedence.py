"""Real-time priority, as the kernel tells it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lipsync_robot.msg import Audio

from lipsync_robot.nodes import common, precedence
from lipsync_robot.nodes.motor_driver import MotorDriverNode

TAKES = """
import os, resource
from lipsync_robot.nodes import precedence
{first}
print(precedence.take(10), os.sched_getparam(0).sched_priority)
"""
ORDINARY_USER = """
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
if os.geteuid() == 0:
    os.setuid(65534)
"""


def priority(thread: int = 0) -> int:
    """Of the thread that asks, or of that one, which for a process is its first; 0 is that of any ordinary one."""
    return os.sched_getparam(thread).sched_priority


def allowed() -> bool:
    with ThreadPoolExecutor(1) as another:
        return another.submit(precedence.take, 10).result() == 10


def told_priority(diagnostics: DiagnosticArray) -> float:
    return float({value.key: value.value for value in diagnostics.status[0].values}["thread priority"])


needs_the_right = pytest.mark.skipif(not allowed(), reason="this user may not have real-time priority")


def after(first: str) -> str:
    """What a process gets, and has, that does this first."""
    return subprocess.check_output([sys.executable, "-c", TAKES.format(first=first)], text=True).strip()


@needs_the_right
def test_a_thread_takes_precedence_and_gives_it_back_and_what_it_starts_has_none() -> None:
    def taken() -> tuple[int, ...]:
        before, given, has = priority(), precedence.take(10), priority()
        with ThreadPoolExecutor(1) as another:
            started = another.submit(priority).result()
        return before, given, has, started, precedence.take(0), priority()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(taken).result() == (0, 10, 10, 0, 0, 0)
    assert priority() == 0  # this thread's own


def test_who_may_not_goes_on_without() -> None:
    assert after(ORDINARY_USER) == "0 0"


def test_who_was_made_nice_gives_way() -> None:
    assert after("os.nice(5)") == "0 0"


@needs_the_right
def test_a_driver_tells_its_priority(ear, start) -> None:
    driver, heard = start("motor_driver"), ear.hear(DiagnosticArray, "/diagnostics")
    assert ear.until(lambda: heard)
    assert told_priority(heard[-1]) == priority(driver.pid) == 10


@needs_the_right
def test_the_thread_that_listens_has_priority_and_no_other_of_its_process(virtual_microphone, ear, start) -> None:
    heard, told = ear.hear(Audio, "audio", common.SOUND), ear.hear(DiagnosticArray, "/diagnostics")
    microphone = start("microphone", "-p", "microphone:device:=pulse")
    assert ear.until(lambda: heard and told and told_priority(told[-1]) == 10)
    threads = [int(thread.name) for thread in Path(f"/proc/{microphone.pid}/task").iterdir()]
    assert sorted(map(priority, threads))[-2:] == [0, 10]


@needs_the_right
def test_what_comes_after_the_driver_in_its_thread_is_ordinary_again(ear) -> None:
    node = MotorDriverNode()
    assert priority() == 10
    node.destroy_node()
    assert priority() == 0
