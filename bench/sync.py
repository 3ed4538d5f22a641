"""Do lips keep to the sound? Speech is played into a virtual microphone for half an hour, and the twin follows it.

    python bench/sync.py [--minutes 30] [--json FILE]

PulseAudio's sink that leads nowhere, whose monitor is the microphone; the nodes of `lipsync-robot speak --mic` in one process,
with the twin, as it runs them. What is played is known sample by sample, with the moment at which it was: stamps are held
against that. Lips are where the twin's servos hold them; they are held against the mouth that the sound asked for, stretch by
stretch. Positive: late. Exit status 1 if a promise is broken, on a machine that does nothing else. Missed poses are told apart
at which a processor was away from a process, of higher priority, that only waits (bench/idlers.py): they count all the same.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the package itself does, unless numpy has been loaded before it

import numpy as np
from idlers import idlers
from lipsync_robot.msg import Audio

from lipsync_robot.audio import files
from lipsync_robot.audio.mel import HOP, SAMPLE_RATE
from lipsync_robot.audio.playback import Speaker
from lipsync_robot.cli.speak import CHAIN
from lipsync_robot.face.landmarks import aperture
from lipsync_robot.face.scores import Series, lags
from lipsync_robot.nodes import common
from lipsync_robot.nodes.composed import composed
from lipsync_robot.resources import resource
from lipsync_robot.twin.faces import named
from lipsync_robot.twin.simulation import landmarks

SETTLED_S = 10.0  # after the start
STRETCH_S = 10.0  # of speech, for which there is one offset
TRACE_S, AWAY_S = 4.0, 0.5  # of sound that is looked for in what was heard, and how far from its moment
LOOK_HZ = 50.0  # at the twin's lips
WATCH_S = 0.1  # between two looks at what was missed
PULSE = (
    "module-native-protocol-unix socket={folder}/native auth-anonymous=1",
    "module-null-sink sink_name=nowhere rate=16000 channels=1",
    "module-remap-source master=nowhere.monitor source_name=ear",
)
MEDIAN_MS, EARLY_MS, LATE_MS, DRIFT_MS = 15.0, -60.0, 30.0, 2.0  # promised: 95 of 100 between early and late


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.play:
        play()
    figures = run(given.minutes)
    for key, value in figures.items():
        print(f"  {key:<44} {value}")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(figures["broken"])


def run(minutes: float) -> dict[str, Any]:
    heard: list[tuple[float, bytes]] = []  # stamp and samples of each block

    def on_audio(message: Audio) -> None:
        heard.append((common.seconds(message.header.stamp), message.samples.tobytes()))

    with (
        virtual_microphone(),
        idlers() as away,
        composed(["twin", *CHAIN, "microphone"], resource("config/speak.yaml"), {"microphone": {"device": "pulse"}}) as chain,
        subprocess.Popen([sys.executable, __file__, "--play"], stdout=subprocess.PIPE, text=True) as player,
    ):
        assert player.stdout is not None
        began = float(player.stdout.readline())
        driver, recorder, microphone = (chain.nodes[name] for name in ("motor_driver", "recorder", "microphone"))
        recorder.create_subscription(Audio, "audio", on_audio, common.SOUND)
        chain.spin(SETTLED_S)
        looks, since = [Look(0, time.monotonic(), driver.missed)], time.time()
        for minute in range(round(minutes)):
            while time.time() < since + 60.0 * (minute + 1):
                chain.spin(WATCH_S)
                looks.append(Look(minute + 1, time.monotonic(), driver.missed))
            print(f"\r {minute + 1} of {minutes:g} minutes", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        player.terminate()
        card = microphone.microphone
        delay = driver.playback_delay_s
        sound = {"overruns": card.overruns, "relocks": card.clock.relocks, "ppm": round(card.clock.ppm, 1)}
        said, joints, machine = Series(*recorder.asked()), recorder.joints(), away()
    captured = [stamp for stamp, _ in heard if stamp > since]
    lost = 1 - len(captured) * HOP / SAMPLE_RATE / (60 * round(minutes))
    errors = stamp_errors(heard, began, since)
    if not len(errors.values):
        sys.exit(f"{lost:.0%} of the sound was lost on the way to the network: this machine has no time for it.")
    offsets = lip_offsets(joints, said, delay, errors, since)
    missed = Missed.of(looks, machine)
    whole = {
        "sound lost, %": round(100 * lost, 1),
        "missed poses": missed.all,
        **{f"in minute {minute}": count for minute, count in missed.minutes.items()},  # one stall, or many
        "of them while a processor was away": "no priority here to tell" if machine is None else missed.away,
        "times that one was": None if machine is None else len(machine),
    }
    return {**sound, **whole, **judged(errors, offsets, missed.all)}


class Look(NamedTuple):
    minute: int
    moment: float  # s, monotonic
    missed: int  # poses so far


class Missed(NamedTuple):
    all: int
    minutes: dict[int, int]  # of those in which some were
    away: int  # while a processor was

    @classmethod
    def of(cls, looks: list[Look], away: np.ndarray | None) -> "Missed":
        """away: as `idlers` tells, or None: then none was."""
        minutes: dict[int, int] = {}
        while_away = 0
        for last, look in pairwise(looks):
            if count := look.missed - last.missed:
                minutes[look.minute] = minutes.get(look.minute, 0) + count
                # What a stall held up may be found missing a look later.
                if away is not None and ((away[:, 0] < look.moment) & (away[:, 1] > last.moment - WATCH_S)).any():
                    while_away += count
        return cls(looks[-1].missed - looks[0].missed, minutes, while_away)


def speech() -> np.ndarray:
    return np.rint(files.read(resource("samples/avonlea.opus")) * 32767).astype(np.int16)


def play() -> None:
    """Says the recording again and again, and first, on stdout, the moment (s) at which it begins."""
    sound, speaker = speech(), Speaker("pulse")
    if speaker.silent_because:
        sys.exit(speaker.silent_because)
    began = time.time() + 1.0
    print(began, flush=True)
    at = 0
    while True:
        block = np.take(sound, np.arange(at, at + HOP), mode="wrap")
        time.sleep(max(0.0, began + at / SAMPLE_RATE - 0.3 - time.time()))
        speaker.play(block, began + at / SAMPLE_RATE)
        at += HOP


def stamp_errors(heard: list[tuple[float, bytes]], began: float, since: float) -> Series:
    """By how much stamps are later (s) than what was captured was played, every STRETCH_S from the moment `since`."""
    sound = speech().astype(float)
    stamps = np.array([stamp for stamp, _ in heard])
    moments, errors = [], []
    for moment in np.arange(since, stamps[-1] - TRACE_S - 1.0, STRETCH_S):
        first = round((moment - began) * SAMPLE_RATE)
        played = np.take(sound, np.arange(first, first + round(TRACE_S * SAMPLE_RATE)), mode="wrap")
        block = int(np.searchsorted(stamps, moment - AWAY_S))
        blocks = heard[block : block + round((TRACE_S + 2 * AWAY_S) * SAMPLE_RATE / HOP)]
        if blocks[-1][0] > moment + TRACE_S + 2 * AWAY_S:
            continue  # some of it was lost
        samples = np.concatenate([np.frombuffer(data, np.int16) for _, data in blocks]).astype(float)
        size = 1 << (len(samples) + len(played)).bit_length()
        match = np.fft.irfft(np.fft.rfft(samples, size) * np.conj(np.fft.rfft(played, size)), size)
        late = int(match[: len(samples) - len(played)].argmax())
        stamp = stamps[block + late // HOP] + late % HOP / SAMPLE_RATE
        moments.append(moment + TRACE_S / 2)
        errors.append(stamp - (began + first / SAMPLE_RATE))
    return Series(np.array(moments), np.array(errors))


def lip_offsets(joints: tuple[np.ndarray, np.ndarray], asked: Series, delay: float, errors: Series, since: float) -> Series:
    """By how much lips were late (s) in each stretch: behind the stamps of their sound, and what these were late by."""
    moments, positions = joints
    at = np.arange(max(since, moments[0]), moments[-1], 1 / LOOK_HZ)
    placed = np.stack([np.interp(at, moments, motor) for motor in positions.T], axis=1)
    lips = np.array([aperture(landmarks(pose, named("canonical"))) for pose in placed])
    found = lags(Series(at - delay, lips), asked, STRETCH_S)
    middles = np.array([middle for middle, _ in found])
    return Series(middles, np.array([lag.seconds for _, lag in found]) + np.interp(middles, *errors))


def judged(errors: Series, offsets: Series, missed: int) -> dict[str, Any]:
    values = 1000 * offsets.values
    if not len(values):
        sys.exit("the lips follow the sound in no stretch: too many poses came too late.")
    early, median, late = np.percentile(values, [2.5, 50, 97.5])
    few = max(1, min(12, len(values) // 3))  # two minutes
    drift = np.median(values[-few:]) - np.median(values[:few])
    shares = np.percentile(1000 * errors.values, [2.5, 50, 97.5])
    return {
        "stretches": len(values),
        "stamps against what was played, ms": dict(zip(("p2.5", "p50", "p97.5"), shares.round(1).tolist(), strict=True)),
        "lips against sound, median ms": round(float(median), 1),
        "95 of 100 between, ms": [round(float(early), 1), round(float(late), 1)],
        "drift, last two minutes to the first, ms": round(float(drift), 1),
        "broken": bool(abs(median) > MEDIAN_MS or early < EARLY_MS or late > LATE_MS or abs(drift) > DRIFT_MS or missed),
    }


@contextmanager
def virtual_microphone() -> Iterator[None]:
    """PulseAudio of its own for this process and those that it starts."""
    folder = tempfile.mkdtemp(prefix="lipsync-bench-")
    os.environ |= dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"), folder)
    os.environ["PULSE_SERVER"] = f"unix:{folder}/native"
    Path(folder, ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n")
    modules = [word for module in PULSE for word in ("-L", module.format(folder=folder))]
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", *modules]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while subprocess.run(["pactl", "set-default-source", "ear"], capture_output=True, check=False).returncode:
            if server.poll() is not None:
                sys.exit("PulseAudio does not start. Run: sudo apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
