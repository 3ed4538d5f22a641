"""What the tests share: one real recording, and a place of its own for every run."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before anything imports rclpy or mujoco: no traffic leaves the machine, and parallel runs do not meet. The ports of domains
# above 101 are those that Linux gives to anybody.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"
os.environ["XDG_RUNTIME_DIR"] = os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="lipsync-test-")
os.environ.setdefault("MUJOCO_GL", "osmesa")
# Before numpy and torch: threads of one sum wait for each other, busily, while other tests have their turn on the same cores.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
os.environ["LP_NUM_THREADS"] = "0"  # Mesa's, for the same reason

import numpy as np
from hypothesis import HealthCheck, settings

from lipsync_robot.audio import files
from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.face.landmarks import aperture
from lipsync_robot.face.metric import aligned
from lipsync_robot.motors import description
from lipsync_robot.resources import resource
from lipsync_robot.twin import film, rig, video

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure() -> None:
    """A suite in the background, or under nohup, has these signals ignored, and so would all the programs that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def recording() -> Path:
    """Fourteen seconds of a person reading, with pauses."""
    return resource("samples/avonlea.opus")


@pytest.fixture(scope="session")
def bag() -> Path:
    """Two seconds of it as a robot said them; test/bags/README.md."""
    return Path(__file__).parent / "bags" / "avonlea"


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
def patient_eyes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of mimic.yaml for a machine of any speed: a pose that is seconds late is still sent."""
    settings = resource("config/mimic.yaml").read_text()
    assert "lifetime_s: 0." in settings
    path = tmp_path_factory.mktemp("settings") / "patient_eyes.yaml"
    path.write_text(re.sub(r"lifetime_s: [\d.]+", "lifetime_s: 2.0", settings))
    return path


def speaks(path: Path, said: np.ndarray, positions: np.ndarray, face: str) -> None:
    """Films the twin, positions (n, 11) 20 a second, as people are: 25 pictures a second. said (m,) int16."""
    moments, duration = np.arange(len(positions)) / 20, len(said) / SAMPLE_RATE
    pictures = (picture for _, picture in video.pictures(moments, positions, 0.0, duration, face, 25))
    film.write(path, pictures, 25, (video.WIDTH, video.HEIGHT), said, SAMPLE_RATE)


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory, speech: np.ndarray) -> Path:
    """Three seconds of somebody who speaks and raises the brows: the twin with its other face."""
    said = (speech[3 * SAMPLE_RATE : 6 * SAMPLE_RATE] * 32767).astype(np.int16)
    level = np.convolve(np.abs(said.astype(float)).reshape(-1, 800).mean(1), np.ones(6) / 6, "same")  # as fast as servos move
    positions = np.tile(rig.NEUTRAL, (len(level), 1))
    positions[:, rig.MOTORS.index("jaw")] = np.clip(level / level.max(), 0, 1)
    for brow in ("brow_outer", "brow_inner"):
        positions[:, rig.MOTORS.index(brow)] = 0.5 - 0.5 * np.cos(np.linspace(0, 4 * np.pi, len(level)))
    path = tmp_path_factory.mktemp("person") / "person.mp4"
    speaks(path, said, positions, "other")
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


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, speech: np.ndarray) -> Path:
    """Two people of two clips each: the twin, whose jaw follows the loudness of a real recording."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "splits.tsv").write_text("speaker\tclip\tsplit\na\tone\ttrain\na\ttwo\ttrain\nb\tone\tval\nb\ttwo\tval\n")
    for i, name in enumerate(("a/one", "a/two", "b/one", "b/two")):
        said = (speech[(3 + i) * SAMPLE_RATE : (5 + i) * SAMPLE_RATE] * 32767).astype(np.int16)
        level = np.abs(said.astype(float)).reshape(-1, 800).mean(1)
        positions = np.tile(rig.NEUTRAL, (len(level), 1))
        positions[:, rig.MOTORS.index("jaw")] = np.clip(level / level.max(), 0, 1)
        for kind in ("video", "audio"):
            (root / kind / name).parent.mkdir(parents=True, exist_ok=True)
        speaks(root / "video" / f"{name}.mp4", said, positions, "canonical")
        with wave.open(str(root / "audio" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
            file.writeframes(said.tobytes())
    return root


@pytest.fixture(scope="session")
def prepared(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That corpus as `lipsync-robot data prepare` leaves it."""
    from lipsync_robot.learning import prepare

    output = tmp_path_factory.mktemp("prepared")
    prepare.prepare(corpus, output, prepare.Choice(shard_size=2), workers=2)
    return output


@pytest.fixture(scope="session")
def people() -> list:
    """Four people who act, as `data expressions` follows them: each smiles, gapes and sneers."""
    from vision.acting import person

    return [person(name, seed) for seed, name in enumerate("abcd")]


@pytest.fixture(scope="session")
def foreteller(people: list, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A predictor that was trained on the first three of them."""
    from lipsync_robot.learning import export, predictor

    config = predictor.PredictorConfig(steps=300)
    path = tmp_path_factory.mktemp("predictor") / "predictor.onnx"
    export.predictor(predictor.train(config, people[:3]), config.signs, path)
    return path


class SoundServer:
    """PulseAudio whose microphone hears what is played into `nowhere`. environment: in which paplay finds it."""

    def __init__(self, folder: Path) -> None:
        self.environment = {**os.environ, "PULSE_SERVER": f"unix:{folder}/native"}
        self._folder = folder

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disallow-exit",
             "-L", f"module-native-protocol-unix socket={self._folder}/native auth-anonymous=1",
             "-L", "module-null-sink sink_name=nowhere rate=16000 channels=1",
             "-L", "module-remap-source master=nowhere.monitor source_name=ear"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            if subprocess.run(["pactl", "info"], env=self.environment, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.05)
        subprocess.run(["pactl", "set-default-source", "ear"], env=self.environment, check=True)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture
def sound_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    if not shutil.which("pulseaudio"):
        pytest.skip("pulseaudio is not installed")
    for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    (tmp_path / ".asoundrc").write_text("pcm.!default pulse\nctl.!default pulse\n")
    server = SoundServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", server.environment["PULSE_SERVER"])
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def virtual_microphone(sound_server: SoundServer) -> dict[str, str]:
    return sound_server.environment
