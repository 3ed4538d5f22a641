"""`lipsync-robot doctor`: one line a check: is it well, what was found, and what to do about it."""

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape

from ..errors import LipsyncError
from ..resources import installing, resource
from .robots import TWIN, robot_file
from .usage import installed, version

State = Literal["ok", "warning", "fault"]
COLOURS = {"ok": "green", "warning": "yellow", "fault": "red"}

PYTHONS = ((3, 10), (3, 12))
MODELS = ("apc.onnx", "audio2landmark.onnx", "audio2landmark_int4.onnx", "twin_inverse.onnx")
SHARED = ("models/human_face.npz", "models/twin_face.npz", "config/speak.yaml", "samples/avonlea.opus")
SLOW_DISCOVERY_S, NO_DISCOVERY_S = 2.0, 10.0
NAPS, NAP_S = 100, 0.01
LATE_S = 0.005  # of the 0.02 that a pose has to spare
STEP_S = 0.005
LITTLE_DISK, NO_DISK = 1e9, 1e8  # bytes; a film takes a few million
LITTLE_MEMORY, NO_MEMORY = 1e9, 3e8  # bytes


class Finding(NamedTuple):
    name: str
    state: State  # warning: something is absent or could be better; fault: it keeps the twin from speaking
    fact: str
    remedy: str = ""


def doctor(
    port: Annotated[str | None, typer.Option(help="Serial port of a servo controller to ask, such as /dev/ttyACM0.")] = None,
    robot: Annotated[str, typer.Option(help="Robot description: `twin`, or the path of a YAML file.")] = TWIN,
    json_output: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Is everything here that a face needs to speak? Moves nothing; takes some seconds.

    A fault keeps `make speak` from running, and the exit status is 1; a warning
    does not: no robot, camera or microphone is needed for it. Examples:

      lipsync-robot doctor

      lipsync-robot doctor --robot my_robot.yaml --port /dev/ttyACM0
    """
    checks: list[Callable[[], Finding]] = [*CHECKS, functools.partial(description, robot)]
    if port is not None:
        checks.append(functools.partial(controller, port, robot))
    found = []
    for finding in findings(checks):
        found.append(finding)
        if not json_output:
            _show(finding)
    if json_output:
        print(json.dumps([finding._asdict() for finding in found], indent=2))
    if any(finding.state == "fault" for finding in found):
        raise typer.Exit(1)


def findings(checks: Iterable[Callable[[], Finding]]) -> Iterator[Finding]:
    """What each check finds; one that breaks is a finding itself."""
    for check in checks:
        try:
            yield check()
        except Exception as error:  # whatever it is, the other checks must still be made
            name = getattr(check, "func", check).__name__.replace("_", " ")
            yield Finding(name, "warning", f"could not be checked: {error!r}")


def python() -> Finding:
    low, high = (".".join(map(str, version)) for version in PYTHONS)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux") if sys.platform == "linux" else sys.platform
    fact = f"Python {platform.python_version()} on {system}, {platform.machine()}"
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        return Finding("python", "fault", fact, f"Python {low} to {high} is needed: make PYTHON=/path/to/python{high}")
    if sys.platform != "linux":
        return Finding("python", "fault", fact, "Linux is needed: Debian 12, Ubuntu 22.04 or 24.04, or a container of one.")
    return Finding("python", "ok", fact)


def packages() -> Finding:
    from packaging.requirements import Requirement

    lines = resource("requirements.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    missing, other = [], []
    for pin in pins:
        build, number = installed(pin.name) or ("", "")
        if not build:
            missing.append(pin.name)
        elif build == pin.name and not pin.specifier.contains(number):  # another build has versions of its own
            other.append(f"{pin.name} {number} instead of {pin.specifier}")
    if missing:
        return Finding("packages", "fault", f"not installed: {', '.join(missing)}", f"Run: {installing()}")
    if other:
        return Finding("packages", "warning", ", ".join(other), f"What is tested is in requirements.txt. Run: {installing()}")
    return Finding("packages", "ok", f"all {len(pins)} as pinned")


def ros_2() -> Finding:
    try:
        import rclpy

        from ..nodes.loopback import heard_after
    except ImportError as error:
        remedy = "Run: make setup. With a ROS 2 of your own: source it, and build this package with colcon, as in README.md."
        return Finding("ROS 2", "fault", f"cannot be loaded: {error}", remedy)
    distribution = os.environ.get("ROS_DISTRO", "from PyPI")
    fact = f"{distribution}, rclpy {version('rclpy')}, {rclpy.get_rmw_implementation_identifier()}"
    took = heard_after(NO_DISCOVERY_S)
    if took is None:
        remedy = "ROS 2 needs UDP on the loopback interface: does a firewall or a container block it?"
        return Finding("ROS 2", "fault", f"{fact}; no message was heard within {NO_DISCOVERY_S:.0f} s", remedy)
    fact += f"; a message was heard after {took:.2f} s"
    if took > SLOW_DISCOVERY_S:
        return Finding("ROS 2", "warning", fact, "Nodes take long to find one another: is the machine busy?")
    return Finding("ROS 2", "ok", fact)


def serial_ports() -> Finding:
    from ..motors import ports

    listed = ports.listed()
    closed = [port.path for port in listed if not os.access(port.path, os.R_OK | os.W_OK)]
    if closed:
        remedy = "Run: sudo usermod -aG dialout $USER, then log in again."
        return Finding("serial ports", "warning", f"you may not open {', '.join(closed)}", remedy)
    if not listed:
        return Finding("serial ports", "warning", "none", "Only a real robot needs one: plug its controller in.")
    return Finding("serial ports", "ok", ", ".join(f"{port.path} ({port.what})" for port in listed))


def microphones() -> Finding:
    return _sound("microphones", 0, "Only --mic needs one: plug it in.")


def loudspeakers() -> Finding:
    return _sound("loudspeakers", 1, "Without one the face speaks unheard; a film has its sound nevertheless.")


def _sound(name: str, kind: int, remedy: str) -> Finding:
    from ..audio.sound_card import SoundCardError, devices

    try:
        names = devices()[kind]
    except SoundCardError as error:
        return Finding(name, "warning", *str(error).split(". ", 1))
    return Finding(name, "ok", ", ".join(names)) if names else Finding(name, "warning", "none", remedy)


def cameras() -> Finding:
    there = sorted(map(str, Path("/dev").glob("video*")))
    closed = [path for path in there if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        remedy = "Run: sudo usermod -aG video $USER, then log in again."
        return Finding("cameras", "warning", f"you may not open {', '.join(closed)}", remedy)
    if not there:
        return Finding("cameras", "warning", "none", "Speaking needs none.")
    return Finding("cameras", "ok", ", ".join(there))


def onnx_runtime() -> Finding:
    from .. import inference

    present = inference.present()
    fact = f"providers {', '.join(present)}"
    if present == ["cpu"] and Path("/etc/nv_tegra_release").exists():
        remedy = "This Jetson has a GPU: install NVIDIA's onnxruntime-gpu for its JetPack."
        return Finding("ONNX Runtime", "warning", fact, remedy)
    return Finding("ONNX Runtime", "ok", fact)


def models() -> Finding:
    from ..inference import ModelError, Network

    try:
        for name in SHARED:
            resource(name)
        for name in MODELS:
            Network(resource(f"models/{name}"), ("cpu",))
    except (FileNotFoundError, ModelError) as error:
        return Finding("models", "fault", str(error), "They come with the package: git checkout models, then make setup.")
    return Finding("models", "ok", f"{', '.join(MODELS)} load")


def drawing() -> Finding:
    from ..twin import rendering

    refusal = rendering.refusal()
    name, fact = "OpenGL", f"MUJOCO_GL={rendering.library()}"
    if refusal:
        remedy = "MUJOCO_GL=osmesa draws without a GPU (sudo apt-get install libosmesa6); MUJOCO_GL=egl with one."
        return Finding(name, "fault", f"{fact} opens no context: {refusal}", remedy)
    return Finding(name, "ok", f"{fact} opens a context")


class Naps(NamedTuple):
    late_s: np.ndarray  # (NAPS,), how much later than asked each ended
    step_s: float  # by how much the wall clock ran ahead of the steady one, in all


@functools.cache
def naps() -> Naps:
    """Sleeps for a second in all, in short naps."""
    ahead = time.time() - time.monotonic()
    late = np.empty(NAPS)
    for i in range(NAPS):
        began = time.monotonic()
        time.sleep(NAP_S)
        late[i] = time.monotonic() - began - NAP_S
    return Naps(late, time.time() - time.monotonic() - ahead)


def clock() -> Finding:
    synchronised = _timedatectl("NTPSynchronized")
    step = naps().step_s
    if abs(step) > STEP_S:
        remedy = "Stamps are wall-clock times: let chrony or systemd-timesyncd slew the clock before the face speaks."
        return Finding("clock", "warning", f"jumped by {1000 * step:+.1f} ms within a second", remedy)
    if synchronised == "no":
        remedy = "Several machines that share a face need it: sudo timedatectl set-ntp true"
        return Finding("clock", "warning", "steady, but not synchronised by NTP", remedy)
    return Finding("clock", "ok", f"steady{', synchronised by NTP' if synchronised == 'yes' else ''}")


def _timedatectl(key: str) -> str:
    """One of its properties; "" where it cannot tell."""
    try:
        command = ["timedatectl", "show", "--property", key, "--value"]
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def timer() -> Finding:
    late = float(np.percentile(naps().late_s, 99))
    fact = f"wakes {1000 * late:.1f} ms late (p99 of {NAPS} sleeps of {1000 * NAP_S:.0f} ms)"
    if late > LATE_S:
        return Finding("timer", "warning", fact, "The machine is busy or throttled: end other programs, or expect late poses.")
    return Finding("timer", "ok", fact)


def priority() -> Finding:
    from ..nodes import precedence

    with ThreadPoolExecutor(1) as thread:  # not this one: the other checks can wait
        allowed = thread.submit(precedence.take, precedence.USUAL).result()
    if not allowed:
        remedy = 'Run: echo "$USER - rtprio 20" | sudo tee /etc/security/limits.d/rtprio.conf, then log in again.'
        return Finding("priority", "warning", "real-time priority is not allowed: poses may wait for other programs", remedy)
    return Finding("priority", "ok", "real-time priority is allowed")


def cpu_governor() -> Finding:
    files = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    governors = sorted({file.read_text().strip() for file in files})
    if "powersave" in governors:
        remedy = "Steadier motion: sudo cpupower frequency-set -g performance; on a Jetson sudo jetson_clocks."
        return Finding("CPU governor", "warning", ", ".join(governors), remedy)
    return Finding("CPU governor", "ok", ", ".join(governors) or "this machine does not say")


def disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    return _space("disk", free, LITTLE_DISK, NO_DISK, f"free in {Path.cwd()}", "Films and logs need room: free some.")


def memory() -> Finding:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available = 1024 * int(lines["MemAvailable"].split()[0])
    return _space("memory", available, LITTLE_MEMORY, NO_MEMORY, "available", "End other programs.")


def _space(name: str, free: float, little: float, none: float, where: str, remedy: str) -> Finding:
    fact = f"{free / 1e9:.1f} GB {where}"
    if free >= little:
        return Finding(name, "ok", fact)
    return Finding(name, "fault" if free < none else "warning", fact, remedy)


def description(robot: str) -> Finding:
    from ..motors import description

    try:
        described = description.load(robot_file(robot))
    except LipsyncError as error:
        return Finding("robot", "fault", str(error), "docs/bring-your-own-robot.md shows how a robot is described.")
    return Finding("robot", "ok", f"{described.name}: {len(described.motors)} motors, {described.bus}, {described.baud} baud")


def controller(port: str, robot: str) -> Finding:
    """The controller on a port, as the robot is described."""
    from ..motors import description
    from ..motors.buses import NO_FAIL_SAFE, look

    try:
        seen = look(description.load(robot_file(robot)), port)
    except LipsyncError as error:
        return Finding("controller", "fault", str(error), f"`lipsync-robot find-port {port}` tells what answers there.")
    if seen.health and seen.health.faults:
        return Finding("controller", "warning", "; ".join(seen.health.faults), "`lipsync-robot motors list` tells more.")
    if not seen.fail_safe:
        return Finding("controller", "warning", *NO_FAIL_SAFE.split(". ", 1))
    return Finding("controller", "ok", f"{port} answers")


CHECKS: tuple[Callable[[], Finding], ...] = (
    python, packages, ros_2, onnx_runtime, models, drawing, serial_ports, microphones, loudspeakers, cameras, clock, timer,
    priority, cpu_governor, disk, memory,
)  # fmt: skip


def _show(finding: Finding) -> None:
    console = Console(highlight=False, soft_wrap=True)
    colour = COLOURS[finding.state]
    remedy = f"  > {finding.remedy}" if finding.remedy else ""
    console.print(f" [{colour}]{finding.state:8}[/] {finding.name:14}{escape(finding.fact + remedy)}")
