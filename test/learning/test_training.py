"""Every training run, small and whole: data to network to ONNX to the robot's own inference."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from lipsync_robot.audio.mel import SAMPLE_RATE, LogMel
from lipsync_robot.errors import BadInputError
from lipsync_robot.inference import Network
from lipsync_robot.learning import apc, audio2landmark, augment, babble, clips, export, finished, inverse, sound
from lipsync_robot.motors.inverse import InverseModel
from lipsync_robot.speech.audio2landmark import Audio2Landmark


@pytest.fixture(scope="module")
def apc_run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apc")
    packed = folder / "voices.npy"
    assert sound.prepare(corpus / "audio", packed, workers=2) == []
    config = apc.ApcConfig([str(packed)], units=32, layers=2, length=40, batch=2, epochs=2)
    apc.train(config, folder / "run", resume=False)
    apc.train(config, folder / "run", resume=True)  # finished already: goes on from there, to the same end
    return folder / "run"


def test_apc_streams_what_it_was_trained_on(apc_run: Path, speech: np.ndarray, tmp_path: Path) -> None:
    network = apc.load(apc_run / "network.pt")
    export.apc(network, tmp_path / "apc.onnx")
    running = Network(tmp_path / "apc.onnx")
    mel = LogMel()(speech[:SAMPLE_RATE])
    streamed = np.concatenate([running(mel=frame[None, None]) for frame in mel], axis=1)
    with torch.no_grad():
        batch, _ = network(torch.from_numpy(mel)[None])
    assert_allclose(streamed, batch.numpy(), atol=1e-4)


def test_audio2landmark_from_clips_to_faces(
    corpus: Path, prepared: Path, apc_run: Path, recording: Path, speech, tmp_path: Path
) -> None:
    config = audio2landmark.Audio2LandmarkConfig(
        [str(corpus)], [str(prepared)], units=16, motions=4, length=80, batch=2, draws=8, epochs=2
    )
    trained = audio2landmark.train(config, apc_run, tmp_path / "run", resume=False)
    export.apc(trained.representation, tmp_path / "apc.onnx")
    finished.to_onnx([tmp_path / "run"], apc_run, tmp_path / "face.onnx", "fp32", recording)
    model = Audio2Landmark(tmp_path / "apc.onnx", tmp_path / "face.onnx", trained.static.numpy())
    mel = LogMel()(speech[:SAMPLE_RATE])
    with torch.no_grad():
        batch = trained(torch.from_numpy(mel)[None])[0].numpy()
    assert_allclose(model.displacements(mel), batch, atol=1e-3)
    model.reset()
    faces = list(model(speech[:SAMPLE_RATE], 0.0))
    assert_allclose([face.points - trained.static.numpy() for face in faces], batch[config.lookahead :], atol=1e-3)


def test_stretches_are_late_by_the_look_ahead(corpus: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = clips.load_split(corpus, prepared, "train")
    monkeypatch.setattr(augment, "FASTEST", 1.0)
    monkeypatch.setattr(augment, "SLOWEST", 1.0)
    clip = data[0]
    mel, face, weight = clips.Stretches(data, length=len(clip.mel), lookahead=3)[0]
    truth = clips.smoothed(clip.displacement) * clips.may_open(clip.mel)[:, None, None]
    assert_allclose(mel, clip.mel, atol=1e-4)
    assert_allclose(face[3:], truth[:-3], atol=2e-3)
    assert weight.tolist() == [0, 0, 0] + [1] * (len(clip.mel) - 3)


def test_stretches_are_spoken_at_another_tempo_and_padded_without_weight(corpus: Path, prepared: Path) -> None:
    data = clips.load_split(corpus, prepared, "train")
    long = 2 * len(data[0].mel)
    drawn = [clips.Stretches(data, length=long, lookahead=0)[0] for _ in range(12)]
    counted = {int(weight.sum()) for _, _, weight in drawn}
    assert len(counted) > 3
    assert all(0.8 < hops / len(data[0].mel) < 1.25 for hops in counted)
    assert all(torch.isfinite(mel).all() and torch.isfinite(face).all() for mel, face, _ in drawn)


def test_a_mouth_is_closed_where_nobody_speaks_for_long() -> None:
    mel = np.full((200, 80), -80, np.float32)
    mel[100:120] = -20
    may = clips.may_open(mel)
    assert may[:60].max() == may[160:].max() == 0
    assert may[100:120].min() == pytest.approx(1)
    assert np.abs(np.diff(may)).max() < 0.2  # eases


def test_smoothing_halves_the_jitter_and_keeps_a_closure() -> None:
    jitter = np.random.default_rng(0).normal(size=(400, 4, 3)).astype(np.float32)
    assert clips.smoothed(jitter).std() < 0.55 * jitter.std()
    closing = np.tile((1 - np.exp(-(np.arange(-50, 50) ** 2) / 18)).astype(np.float32)[:, None, None], (1, 4, 3))
    assert clips.smoothed(closing).min() < 0.1  # of the way that it is open before and after


def test_augmented_voices_stay_speech_and_differ() -> None:
    mel = torch.linspace(-80, 0, 80).expand(6, 50, 80)
    for change in (augment.voice, augment.microphone, augment.stationary_noise):
        changed = change(mel)
        assert changed.shape == mel.shape
        assert torch.isfinite(changed).all()
        assert not torch.allclose(changed[0], changed[1])


def test_babble_teaches_the_twin_its_motors(robot, tmp_path: Path) -> None:
    babble.babble(robot, 400, "exact", seed=0).save(tmp_path / "babble.npz")
    data = babble.Babble.load(tmp_path / "babble.npz")
    network, scores = inverse.train(inverse.InverseConfig(epochs=30, units=64), data, tmp_path / "run")
    assert scores["mae"] < scores["nearest_neighbour_mae"] < scores["random_mae"]
    export.inverse(network, robot.names, tmp_path / "inverse.onnx")
    model = InverseModel(tmp_path / "inverse.onnx", robot.names)
    with torch.no_grad():
        expected = network(torch.from_numpy(data.landmarks[:1]).float())[0].numpy()
    assert_allclose(model(data.landmarks[0]), expected, atol=1e-4)
    with pytest.raises(BadInputError, match="was trained for the motors brow_outer"):
        InverseModel(tmp_path / "inverse.onnx", ["jaw"])


def test_a_camera_sees_what_the_twin_babbles(robot) -> None:
    seen = babble.babble(robot, 10, "camera", seed=3)
    exact = babble.babble(robot, 10, "exact", seed=3)
    assert_allclose(seen.commands, exact.commands)
    assert np.linalg.norm(seen.landmarks - exact.landmarks, axis=-1).mean() < 0.5  # cm
