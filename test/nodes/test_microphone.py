"""The real sounddevice path, on a microphone that PulseAudio makes up: the monitor of a sink that leads nowhere."""

import subprocess
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lipsync_robot.msg import Audio

from lipsync_robot.nodes import common

RATE = 16_000
SETTLED = 100  # blocks in which PulseAudio still adapts its latency


def test_hears_what_is_played_with_stamps_in_step_with_the_samples(virtual_microphone, ear, start, make_sound) -> None:
    tone = make_sound("tone.wav", "-ar", "16000", source="sine=frequency=500:duration=3")
    heard = ear.hear(Audio, "audio", common.SOUND)
    start("microphone", "-p", "microphone:device:=pulse")
    assert ear.until(lambda: len(heard) > SETTLED)
    player = subprocess.Popen(["paplay", "--device=nowhere", str(tone)], env=virtual_microphone)
    assert ear.until(lambda: player.poll() is not None)
    assert ear.until(lambda: len(heard) > SETTLED + 150)
    assert all((len(message.samples), message.sample_rate) == (320, RATE) for message in heard)
    stamps = np.array([common.seconds(message.header.stamp) for message in heard])
    steady = stamps[SETTLED:]
    assert steady[-1] - steady[0] == pytest.approx((len(steady) - 1) * 0.02, abs=0.05)
    assert stamps[-1] < time.time()
    samples = np.concatenate([np.asarray(message.samples, float) for message in heard])
    loud = samples[np.abs(samples) > 1000]
    assert len(loud) > RATE
    first = int(np.flatnonzero(np.abs(samples) > 1000)[0]) + RATE // 2
    spectrum = np.abs(np.fft.rfft(samples[first : first + RATE]))
    assert spectrum.argmax() == pytest.approx(500, abs=3)  # Hz


def test_a_sound_card_that_goes_away_is_told_of_and_taken_up_again(sound_server, ear, start) -> None:
    heard = ear.hear(Audio, "audio", common.SOUND)
    diagnoses = ear.hear(DiagnosticArray, "/diagnostics")

    def both_say(text: str, level: bytes) -> bool:
        def said() -> bool:
            told = [each for message in diagnoses[-4:] for each in message.status]
            return {each.name for each in told if text in each.message and each.level == level} == {"/microphone", "/speaker"}

        return ear.until(said)

    start("microphone", "-p", "microphone:device:=pulse")
    start("speaker", "-p", "speaker:device:=pulse")
    assert ear.until(lambda: heard)
    sound_server.stop()
    assert both_say("its sound card has gone away", DiagnosticStatus.ERROR)
    sound_server.start()
    assert both_say("working", DiagnosticStatus.OK)
    count = len(heard)
    assert ear.until(lambda: len(heard) > count + 50)
