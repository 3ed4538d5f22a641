"""The real sounddevice path, on a microphone that PulseAudio makes up: the monitor of a sink that leads nowhere."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio import microphone

pytestmark = pytest.mark.skipif(not shutil.which("pulseaudio"), reason="pulseaudio is not installed")
RATE = 16_000


@pytest.fixture
def virtual_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n")
    environment = {**os.environ, "PULSE_SERVER": f"unix:{tmp_path}/native"}
    monkeypatch.setenv("PULSE_SERVER", environment["PULSE_SERVER"])
    server = subprocess.Popen(
        ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit",
         "-L", f"module-native-protocol-unix socket={tmp_path}/native auth-anonymous=1",
         "-L", "module-null-sink sink_name=nowhere rate=16000 channels=1",
         "-L", "module-remap-source master=nowhere.monitor source_name=ear"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(100):
            if subprocess.run(["pactl", "info"], env=environment, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.05)
        subprocess.run(["pactl", "set-default-source", "ear"], env=environment, check=True)
        yield environment
    finally:
        server.terminate()
        server.wait(10)


def test_hears_what_is_played_with_stamps_in_step_with_the_samples(virtual_microphone, make_sound) -> None:
    tone = make_sound("tone.wav", "-ar", "16000", source="sine=frequency=500:duration=3")
    heard: list[tuple[float, np.ndarray]] = []
    ear = microphone.Microphone("pulse", lambda samples, stamp: heard.append((stamp, samples.copy())))
    began = time.time()
    subprocess.run(["paplay", "--device=nowhere", str(tone)], env=virtual_microphone, check=True, timeout=30)
    ear.close()
    samples = np.concatenate([block for _, block in heard]).astype(float)
    stamps = np.array([stamp for stamp, _ in heard])
    assert all(len(block) == 320 for _, block in heard)
    loudest = samples[len(samples) // 2 - 4000 : len(samples) // 2 + 4000]
    assert np.abs(np.fft.rfft(loudest)).argmax() * RATE / 8000 == pytest.approx(500, abs=4)
    assert began - 1.0 < stamps[0] < time.time()
    assert stamps[-1] - stamps[0] == pytest.approx((len(heard) - 1) * 0.02, abs=0.3)


def test_an_unknown_microphone_is_named_with_those_there_are() -> None:
    with pytest.raises(microphone.MicrophoneError, match=r"'no such ear'.*Microphones here:"):
        microphone.Microphone("no such ear", lambda *_: None)
