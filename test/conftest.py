"""What the tests share: one real recording, and a place of its own for every run."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

# Before anything imports rclpy or mujoco: no traffic leaves the machine, and parallel runs do not meet.
os.environ["ROS_DOMAIN_ID"] = str(101 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"
os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="lipsync-test-")
os.environ.setdefault("MUJOCO_GL", "osmesa")

from lipsync_robot.audio import files
from lipsync_robot.face.landmarks import aperture
from lipsync_robot.face.metric import aligned
from lipsync_robot.motors import description
from lipsync_robot.resources import resource
from lipsync_robot.twin import rig


@pytest.fixture(scope="session")
def recording() -> Path:
    """Fourteen seconds of a person reading, with pauses."""
    return resource("samples/avonlea.opus")


@pytest.fixture(scope="session")
def speech(recording: Path) -> np.ndarray:
    """The recording, (n,) float32 at 16 kHz."""
    return files.read(recording)


@pytest.fixture(scope="session")
def robot() -> description.Robot:
    return description.load(resource("config/robots/twin.yaml"))


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of speak.yaml for a machine of any speed: what is late is still played, with its sound."""
    settings = resource("config/speak.yaml").read_text()
    assert "playback_delay_s: 0." in settings
    settings = re.sub(r"playback_delay_s: [\d.]+", "playback_delay_s: 2.0", settings)
    path = tmp_path_factory.mktemp("settings") / "patient.yaml"
    path.write_text(re.sub(r"lifetime_s: [\d.]+", "lifetime_s: 2.0", settings))
    return path


@pytest.fixture(scope="session")
def opening() -> Callable[[np.ndarray], float]:
    """Servo positions (11,) of the twin -> how far its mouth is open, cm."""
    return lambda positions: float(aperture(aligned(rig.skinned(np.asarray(positions)))))


@pytest.fixture(scope="session")
def make_sound(tmp_path_factory: pytest.TempPathFactory):
    """Writes a sound file with FFmpeg's own encoders: make_sound("tone.wav", "-ar", "8000", source="sine=440:d=2")."""

    def make(name: str, *options: str, source: str = "sine=frequency=300:duration=2") -> Path:
        path = tmp_path_factory.mktemp("sound") / name
        command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *options, str(path)]
        subprocess.run(command, check=True)
        return path

    return make


@pytest.fixture
def virtual_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """PulseAudio whose microphone hears what is played into `nowhere` -> the environment in which paplay finds it."""
    if not shutil.which("pulseaudio"):
        pytest.skip("pulseaudio is not installed")
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
