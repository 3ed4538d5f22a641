"""Does a robot stay as it is for hours? It talks, its serial line fails every few seconds, its camera comes and goes.

    python bench/soak.py [--hours 2] [--bus dynamixel] [--json FILE]

Every node is a process of its own, as bringup's launch file starts them: say, speaker (into PulseAudio's sink that leads
nowhere), audio2landmark, retarget, inverse_model, and motor_driver in front of a virtual controller. Beside them a twin, whose
camera is looked at now and then; its face rests, for the controller that fails is not its own. What is promised:

memory    No process grows by more than 1 MB an hour after a warm-up of ten minutes, or a third of a shorter run. Broken once
          the 95 % interval lies wholly above that. Less than ten minutes after the warm-up prove nothing, and break nothing.
handles   None has more open files, or threads, than before: their least number in the last third against that in the first.
faults    The device takes frames again within 1 s of each fault's end.
drift     Motion keeps to the sound: by how much poses are sent later than they are due by the stamp of their sound, as a
          message tells (motor/sent), in the median of each minute; what a straight line through these rises by is at most 5 ms.
          The sound is kept to its stamps by the speaker, which counts each time that it jumps.
speech    Every request is answered, and heard to its end unless it was stopped or interrupted.

A process that dies ends the run, since what followed would be another robot; so does Ctrl-C. Exit status 1 if a promise is
broken.
"""

import argparse
import contextlib
import datetime
import json
import os
import sys
import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import growth
import numpy as np
from faults import ALLOWED_S, LASTING, LONGEST_S, PASSING
from growth import Holdings, drift, rounded
from rclpy.node import Node
from rclpy.subscription import Subscription
from robot import CHAIN, PATIENCE_S, Bench
from say import DELAY_S
from sensor_msgs.msg import Image, JointState
from sync import virtual_microphone

from lipsync_robot.audio import files
from lipsync_robot.errors import LipsyncError
from lipsync_robot.nodes import common
from lipsync_robot.nodes.executor import TurnExecutor
from lipsync_robot.nodes.robot_status import RobotStatus
from lipsync_robot.nodes.say_client import SayClient, Saying, connected
from lipsync_robot.resources import resource
from lipsync_robot.twin.controller import ControllerError

MOST_DRIFT_MS = 5.0
LOOKS_A_MINUTE = 6  # at the processes
LOOK_S = 60 / LOOKS_A_MINUTE
BETWEEN_FAULTS_S = (1.0, 6.0)
CAMERA_S = (4.0, 12.0)  # that it is looked at, and that it is not
BACK_S = 5.0  # after which a fault counts as one that nobody recovers from
TEXTS = ("Good morning.", "Please mind the gap between the train and the platform.", "One, two, three.")
CLIP = resource("samples/avonlea.opus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=2.0, help="how long; it stops by itself (default: 2)")
    parser.add_argument("--bus", choices=("maestro", "dynamixel"), default="maestro", help="what the servos hang on")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
    figures = run(given.hours, given.bus)
    for key, value in figures.items():
        print(f"  {key:<40} {value}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(bool(figures["promises broken"]))


def run(hours: float, bus: str) -> dict[str, Any]:
    with common.endings() as asked, virtual_microphone():
        bench = Bench(bus, logs=False)
        try:
            for name in ("say", "twin", *CHAIN[1:]):
                bench.start(name, **({"device": "pulse"} if name == "speaker" else {}))
            if not bench.takes_frames(PATIENCE_S):
                raise RuntimeError("the driver does not start")
            with connected() as client:
                soak = Soak(bench, hours, asked)
                talk = Talk(soak, client, bench.speech())
                faults, listener = Faults(soak), Listener(bench.robot.servo_lag_s)
                soak.minutely = listener.minute
                soak.progress = lambda: f"{talk.requests.total()} requests   {faults.count} faults"
                while not soak.over:
                    talk.act()
                print(file=sys.stderr)
                faults.join()
                told = _told(bench) if not (asked or soak.dead) else {}
                listener.close()
        finally:
            bench.close()
    return _judged(soak, talk, faults, listener, told)


class Soak:
    """The run: until when, who lives, and what each process holds."""

    def __init__(self, bench: Bench, hours: float, asked: list[int]) -> None:
        """asked: the signals that ask to end, as they come."""
        self.bench = bench
        self.dead: dict[str, int] = {}  # its exit status
        self.minutely: Callable[[], None] = lambda: None
        self.progress: Callable[[], str] = str
        self._asked = asked
        self.hours = array("d")  # of each look, from the start
        self._began = time.monotonic()
        self._ends = self._began + 3600 * hours
        self._next = self._began + LOOK_S
        pids = {name: process.pid for name, process in bench.processes.items()}
        pids |= {"virtual controller": bench.controller.pid, "this bench": os.getpid()}
        self.holdings = {name: Holdings(pid) for name, pid in pids.items()}

    @property
    def over(self) -> bool:
        return bool(self._asked or self.dead) or time.monotonic() >= self._ends

    def attend(self) -> None:
        """Sees who has died, and every LOOK_S what each holds."""
        if self.over:  # those that were asked to end are not dead
            return
        self.dead = {name: status for name, process in self.bench.processes.items() if (status := process.poll()) is not None}
        if not self.bench.controller.alive:
            self.dead["virtual controller"] = 1
        now = time.monotonic()
        if self.dead or now < self._next:
            return
        self._next = max(self._next + LOOK_S, now)
        with contextlib.suppress(OSError):  # one has just died
            for holdings in self.holdings.values():
                holdings.look()
            self.hours.append((now - self._began) / 3600)
        if len(self.hours) % LOOKS_A_MINUTE == 0:
            self.minutely()
        passed, whole = (datetime.timedelta(seconds=round(until - self._began)) for until in (now, self._ends))
        memory = sum(holdings.mb for holdings in self.holdings.values())
        print(f"\r {passed} of {whole}   {memory:.0f} MB   {self.progress()} ", end="", file=sys.stderr, flush=True)


class Talk:
    """Has the robot speak, one request after the other, in every way there is."""

    def __init__(self, soak: Soak, client: SayClient, long: Path) -> None:
        """long: a recording that nobody hears to its end."""
        self.requests: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()  # by what was said of it
        self._soak, self._client, self._long = soak, client, long
        self._random = np.random.default_rng(0)
        self._sound = (files.read(CLIP)[:48_000] * 32767).astype(np.int16)

    def act(self) -> None:
        kinds = (self._file, self._text, self._stream, self._interrupted, self._stopped)
        kind = kinds[self._random.choice(len(kinds), p=(0.4, 0.15, 0.15, 0.15, 0.15))]
        self.requests[kind.__name__.strip("_")] += 1
        try:
            kind()
        except LipsyncError as error:  # the robot is gone
            self._blame(str(error))
        self._serve(float(self._random.exponential(0.5)))

    def _file(self) -> None:
        self._heard(self._client.say(file=str(CLIP)))

    def _text(self) -> None:
        self._heard(self._client.say(text=TEXTS[self._random.integers(len(TEXTS))]))

    def _stream(self) -> None:
        """Speech, at one of three speeds, in chunks that come a little faster than they are heard."""
        saying, rate = self._client.say(stream=True), int(self._random.choice([16_000, 22_050, 48_000]))
        if self._until(lambda: saying.accepted):
            for chunk in np.array_split(self._sound, 20):
                saying.send(chunk, rate)
                self._serve(0.9 * len(chunk) / rate)
            saying.send(self._sound[:0], rate, last=True)
        self._heard(saying)

    def _interrupted(self) -> None:
        first = self._client.say(file=str(self._long))
        self._serve(float(self._random.uniform(0.5, 4.0)))
        second = self._client.say(text="Yes.", interrupt=True)
        self._cut_short(first)
        self._heard(second)

    def _stopped(self) -> None:
        saying = self._client.say(file=str(self._long))
        self._serve(float(self._random.uniform(0.5, 4.0)))
        self._client.stop()
        self._cut_short(saying)

    def _heard(self, saying: Saying) -> None:
        result = self._result(saying)
        if result and not result.completed:
            self._blame(result.message)

    def _cut_short(self, saying: Saying) -> None:
        result = self._result(saying)
        if result and result.completed:
            self._blame("cut short, but heard to its end")

    def _result(self, saying: Saying) -> Any:
        return saying.result if self._until(lambda: saying.result) else None

    def _until(self, condition: Callable[[], object]) -> bool:
        """-> whether it came to hold before the run was over; that it never does is a fault of the robot's."""
        give_up = time.monotonic() + PATIENCE_S
        while not condition():
            if self._soak.over:
                return False
            if time.monotonic() > give_up:
                self._blame("never answered")
                return False
            self._serve(0.0)
        return True

    def _serve(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            self._client.spin(0.02)
            self._soak.attend()
            if self._soak.over or time.monotonic() >= until:
                return

    def _blame(self, why: str) -> None:
        if not self._soak.over:
            self.wrong[why] += 1


class Faults:
    """Breaks the serial line in every way that faults.py knows, in a thread; times how soon the device takes frames again."""

    def __init__(self, soak: Soak) -> None:
        self._kinds = (*LASTING, *PASSING[soak.bench.robot.bus])
        self.took: dict[str, array[float]] = {
            fault.split()[0]: array("d") for fault in self._kinds
        }  # by kind, s; infinite where it did not
        self.slow: list[str] = []  # which took longer than is allowed, and when
        self._soak, self._bench = soak, soak.bench
        self._random = np.random.default_rng(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        return sum(map(len, self.took.values()))

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        with contextlib.suppress(ControllerError):  # it has died, and the run is over
            self._break()

    def _break(self) -> None:
        while not self._soak.over:
            time.sleep(float(self._random.uniform(*BETWEEN_FAULTS_S)))
            fault = self._kinds[self._random.integers(len(self._kinds))]
            self._bench.controller.inject(fault)
            if fault in LASTING:
                time.sleep(float(self._random.uniform(0.02, LONGEST_S)))
                self._bench.controller.inject("replug" if fault == "unplug" else "clear")
            ended = time.monotonic()
            back = self._bench.takes_frames(BACK_S)
            took = time.monotonic() - ended if back else np.inf
            if not self._soak.over:
                self.took[fault.split()[0]].append(took)
                if took > ALLOWED_S:
                    self.slow.append(f"{fault}, {datetime.datetime.now():%H:%M:%S}, {took:.1f} s")


class Listener:
    """Hears what is sent to the motors, and looks through the twin's camera now and then, in a thread."""

    def __init__(self, servo_lag_s: float) -> None:
        self.late = array("d")  # median of each minute, s
        self.pictures = self.looks = 0
        self._due_s = DELAY_S - servo_lag_s  # after its stamp
        self._poses: list[float] = []  # of this minute
        self._last = 0.0
        self._node = Node("bench", use_global_arguments=False)
        self._node.create_subscription(JointState, "motor/sent", self._on_sent, common.MOTION)
        self._camera: Subscription | None = None
        self._turn_at = 0.0
        self._random = np.random.default_rng(0)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def minute(self) -> None:
        """A minute is over."""
        poses, self._poses = self._poses, []
        if poses:
            self.late.append(float(np.median(poses)))

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        executor = TurnExecutor()
        executor.add_node(self._node)
        while not self._closed.is_set():
            executor.spin_once(0.1)
            if time.monotonic() > self._turn_at:
                self._turn()
        executor.shutdown()
        self._node.destroy_node()

    def _turn(self) -> None:
        """Looks, or looks away."""
        if self._camera:
            self._node.destroy_subscription(self._camera)
            self._camera = None
        else:
            self._camera = self._node.create_subscription(Image, "twin/image", self._on_picture, common.IMAGE, raw=True)
            self.looks += 1
        self._turn_at = time.monotonic() + float(self._random.uniform(*CAMERA_S))

    def _on_picture(self, _: bytes) -> None:
        self.pictures += 1

    def _on_sent(self, message: JointState) -> None:
        stamp, now = common.seconds(message.header.stamp), time.time()
        late = now - stamp - self._due_s
        if stamp > self._last and late > -self._due_s / 2:  # what is stamped with now is the guard's own motion
            self._poses.append(late)
            self._last = stamp


def _told(bench: Bench) -> dict[str, dict[str, str]]:
    """What each node tells of itself, once all have."""
    status, give_up = RobotStatus(), time.monotonic() + PATIENCE_S
    told: dict[str, dict[str, str]] = {}
    while not told.keys() >= bench.processes.keys() and time.monotonic() < give_up:
        status.listen(0.5)
        told = {report.node.strip("/"): report.figures for report in status.reports()}
    status.close()
    return told


def _judged(soak: Soak, talk: Talk, faults: Faults, listener: Listener, told: dict[str, dict[str, str]]) -> dict[str, Any]:
    broken = [f"{name} died with exit status {status}" for name, status in soak.dead.items()]
    hours = np.array(soak.hours)
    held = {name: holdings.samples[: len(hours)] for name, holdings in soak.holdings.items()}
    processes, grown = growth.told(hours, held)
    broken += grown
    back = {kind: 1000 * np.array(seconds) for kind, seconds in faults.took.items() if len(seconds)}
    broken += [f"not recovered from within {ALLOWED_S:g} s: {'; '.join(faults.slow)}"] * bool(faults.slow)
    late = 1000 * np.array(listener.late)
    rise, error = drift(late)
    broken += [f"motion drifts from the sound by {rise:.1f} ms"] * bool(abs(rise) - 2 * error > MOST_DRIFT_MS)
    broken += [f"{count} requests: {why}" for why, count in talk.wrong.items()]
    if not (back and len(late) and listener.pictures):
        broken.append("no fault, no pose or no picture: nothing was tried")
    driver, speaker = (told.get(name, {}) for name in ("motor_driver", "speaker"))
    pauses = 3600 * np.diff(hours) - LOOK_S
    return {
        "hours": rounded(hours.max(initial=0)),
        "longest that this bench was held up, s": rounded(pauses.max(initial=0)),
        "requests": dict(talk.requests),
        "faults": faults.count,
        **{
            f"{kind}, {len(times)} times, back after": f"median {np.median(times):.0f} ms, worst {times.max():.0f} ms"
            for kind, times in back.items()
        },
        "camera looked at, times": listener.looks,
        "pictures": listener.pictures,
        "poses after they were due, median ms": rounded(float(np.median(late)) if len(late) else np.nan),
        "drift, ms, and its standard error": [rounded(rise), rounded(error)],
        "driver connected, times": driver.get("connections"),
        "poses missed, of all": [driver.get("missed"), driver.get("poses")],  # some for each fault, and for a machine too busy
        "sound out: jumps, gaps": [speaker.get("skips"), speaker.get("underruns")],
        **processes,
        "promises broken": broken,
    }


if __name__ == "__main__":
    main()
