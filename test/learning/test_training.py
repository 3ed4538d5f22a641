"""Every training run, small and whole: data to network to ONNX to the robot's own inference."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from lipsync_robot.audio.mel import SAMPLE_RATE, LogMel
from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import LOWER_LIP, UPPER_LIP
from lipsync_robot.inference import Network
from lipsync_robot.learning import (
    adapt,
    apc,
    audio2landmark,
    augment,
    clips,
    comparisons,
    drawing,
    evaluation,
    export,
    finished,
    sound,
)
from lipsync_robot.learning.networks import APC
from lipsync_robot.learning.networks import Audio2Landmark as Audio2LandmarkNetwork
from lipsync_robot.learning.phones import PHONES
from lipsync_robot.resources import resource
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


def test_too_few_voices_for_a_batch_are_told_of_and_so_is_a_run_of_something_else(apc_run: Path, tmp_path: Path) -> None:
    few = apc.ApcConfig([str(apc_run.parent / "voices.npy")], units=32, layers=2, length=40, batch=64)
    with pytest.raises(BadInputError, match=r"64 and 1 are needed. Add voices, or lower length or batch"):
        apc.train(few, tmp_path, resume=False)
    torch.save({"config": {}, "state": {}, "static": torch.zeros(1)}, tmp_path / "network.pt")
    with pytest.raises(BadInputError, match=r"network.pt: is no run of `train apc`"):
        apc.load(tmp_path / "network.pt")


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


@pytest.fixture(scope="module")
def told(apc_run: Path, speech: np.ndarray) -> Path:
    """A pack of voices whose phones are known: vowels where it is loud, silence elsewhere."""
    pack = apc_run.parent / "told.npy"
    mel = LogMel()(speech)
    np.save(pack, mel.astype(np.float16))
    np.save(sound.phones_of(pack), np.where(mel.mean(axis=1) > -50, PHONES.index("AA"), 0).astype(np.int8))
    return pack


def test_apc_learns_to_tell_phones_from_where_it_was(told: Path, apc_run: Path, tmp_path: Path) -> None:
    config = apc.ApcConfig(
        [str(told)], str(apc_run), 32, 2, phones_weight=1.0, length=40, batch=4, epochs=6, learning_rate=0.01
    )
    network = apc.train(config, tmp_path, resume=False)
    mel, spoken = np.load(told).astype(np.float32), np.load(sound.phones_of(told))
    with torch.no_grad():
        features, _ = network(torch.from_numpy(mel)[None])
        heard = network.phones(features)[0, config.phones_late :].argmax(-1).numpy()
    assert (heard == spoken[: -config.phones_late]).mean() > 0.8


def test_voices_without_faces_are_learned_from_beside_faces(
    corpus: Path, prepared: Path, apc_run: Path, told: Path, tmp_path: Path
) -> None:
    config = audio2landmark.Audio2LandmarkConfig(
        [str(corpus)], [str(prepared)], hears="mel", voices=[str(told)], voices_batch=2, phones_weight=1.0, dropout=0.0,
        units=32, motions=4, length=80, batch=2, draws=48, epochs=4, learning_rate=0.01,
    )  # fmt: skip
    trained = audio2landmark.train(config, apc_run, tmp_path, resume=False)
    mel, spoken = np.load(told).astype(np.float32), np.load(sound.phones_of(told))
    with torch.no_grad():
        understood, _ = trained.network.listen(trained.hear(torch.from_numpy(mel)[None]))
        heard = trained.network.phones(understood)[0, config.lookahead :].argmax(-1).numpy()
    right = heard == spoken[: -config.lookahead]
    assert min(right[spoken[: -config.lookahead] == phone].mean() for phone in set(spoken.tolist())) > 0.6
    again = audio2landmark.load(tmp_path, apc_run)
    assert_allclose(again.predict(mel[:50]), trained.predict(mel[:50]), atol=1e-5)
    for clip in clips.load_split(corpus, prepared, "train"):
        log_odds = told_closed(trained, clip.mel)[config.lookahead :]
        shut = audio2landmark.closed(torch.from_numpy(clip.displacement)[None])[0, : len(log_odds)].numpy()
        assert log_odds[shut > 0.9].mean() > log_odds[shut < 0.1].mean() + 0.5


def test_a_person_is_adapted_to(corpus: Path, prepared: Path, apc_run: Path, tmp_path: Path) -> None:
    config = audio2landmark.Audio2LandmarkConfig(
        [str(corpus)], [str(prepared)], units=16, motions=4, length=80, batch=2, draws=4, epochs=1
    )
    module = audio2landmark.train(config, apc_run, tmp_path, resume=False)
    learned, rest = adapt.first_seconds(clips.load_split(corpus, prepared, "val"), 1.5)
    assert (len(learned), len(rest)) == (1, 1)
    before, after = (
        evaluation.evaluate(speaker.predict, learned, config.lookahead) for speaker in (module, adapt.adapted(module, learned))
    )
    assert after["D_PL"] < before["D_PL"]
    assert after["aperture_r"] > before["aperture_r"]
    with pytest.raises(BadInputError, match="no clip to adapt to"):
        adapt.adapted(module, clips.Clips([]))
    sliced = audio2landmark.Audio2LandmarkTraining(replace(config, network="sliced"), module.representation)
    with pytest.raises(BadInputError, match=r"A sliced network .* cannot be adapted"):
        adapt.adapted(sliced, learned)
    saved = torch.load(tmp_path / "network.pt", weights_only=True)
    saved["state"]["leave.3.bias"] = torch.zeros(4)
    torch.save(saved, tmp_path / "network.pt")
    with pytest.raises(BadInputError, match=r"was trained by another version, .* Train it anew"):
        audio2landmark.load(tmp_path, apc_run)


def test_who_is_adapted_to_does_not_change_what_other_voices_say(
    corpus: Path, prepared: Path, apc_run: Path, speech: np.ndarray, tmp_path: Path
) -> None:
    other = LogMel()(speech[9 * SAMPLE_RATE :])  # what nobody in the corpus says
    np.save(tmp_path / "voice.npy", other.astype(np.float16))
    np.save(sound.phones_of(tmp_path / "voice.npy"), np.zeros(len(other), np.int8))
    config = audio2landmark.Audio2LandmarkConfig(
        [str(corpus)], [str(prepared)], hears="mel", voices=[str(tmp_path / "voice.npy")], voices_batch=2, units=16,
        motions=4, length=80, batch=2, draws=4, epochs=1,
    )  # fmt: skip
    module = audio2landmark.train(config, apc_run, tmp_path, resume=False)
    learned = clips.load_split(corpus, prepared, "val")
    before, sure = module.predict(other), told_closed(module, other)
    remembering = adapt.adapted(module, learned)
    module.config = replace(config, voices=[])
    forgetting = adapt.adapted(module, learned)
    kept, lost = (np.abs(each.predict(other) - before).mean() for each in (remembering, forgetting))
    assert kept < 0.8 * lost
    kept, lost = (np.abs(told_closed(each, other) - sure).mean() for each in (remembering, forgetting))
    assert kept < 0.8 * lost


def told_closed(module: audio2landmark.Audio2LandmarkTraining, mel: np.ndarray) -> np.ndarray:
    """mel (hops, 80) dB -> log-odds of a closed mouth (hops,)."""
    with torch.no_grad():
        return module.told(torch.from_numpy(mel)[None])[1][0].numpy()


def test_astray_is_a_mouth_that_moves_at_another_time_and_not_one_that_moves_less() -> None:
    face = 0.1 * torch.randn(3, 60, 468, 3, generator=torch.Generator().manual_seed(0))
    counts = torch.ones(3, 60)
    counts[:, :10] = 0
    assert audio2landmark.astray(0.5 * face, face, counts) == pytest.approx(0, abs=1e-3)
    assert audio2landmark.astray(-face, face, counts) == pytest.approx(2 + 0.5 * 2, abs=1e-3)
    assert audio2landmark.astray(torch.zeros_like(face), face, counts) == pytest.approx(1.5)
    elsewhere = face.clone()
    elsewhere[:, :10] = 5.0
    assert audio2landmark.astray(elsewhere, face, counts) == pytest.approx(0, abs=1e-3)
    assert audio2landmark.astray(face, face, torch.zeros(3, 60)).isfinite()  # a clip too short for the look-ahead


def test_a_mouth_counts_as_closed_by_how_far_it_opens_within_the_stretch() -> None:
    face = torch.zeros(3, 100, 468, 3)
    face[0, :, UPPER_LIP, 1] = torch.linspace(0, 2, 100)  # cm
    face[1, :, UPPER_LIP, 1] = torch.linspace(0, 1, 100)
    face[2, :, UPPER_LIP, 1] = 0.02  # who does not speak
    shut = audio2landmark.closed(face)
    assert_allclose(shut[0], shut[1])
    assert (shut[0, :12] > 0.9).all()
    assert (shut[0, 30:] < 0.1).all()
    assert (shut[2] > 0.9).all()


def test_doubt_is_less_for_who_tells_a_closed_mouth_and_counts_only_what_is_there() -> None:
    module = audio2landmark.Audio2LandmarkTraining(audio2landmark.Audio2LandmarkConfig([], [], units=8), APC(8, 1))
    shut, counts = torch.tensor([[1.0, 1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    right, wrong = torch.tensor([[5.0, 5.0, -5.0, 5.0]]), torch.tensor([[5.0, -5.0, 5.0, 5.0]])
    assert module.doubt(right, shut, counts) < 0.01 < module.doubt(wrong, shut, counts)


def test_where_it_is_sure_the_network_closes_the_mouth_and_leaves_the_rest_of_the_face_as_it_is() -> None:
    torch.manual_seed(0)
    network = Audio2LandmarkNetwork(80, units=16, layers=1, motions=6, dropout=0.0, closes=True).eval()
    network.basis = torch.randn(6, 468 * 3)
    heard = 5 * torch.randn(1, 50, 80)

    def opens(face: torch.Tensor) -> torch.Tensor:
        return face[..., UPPER_LIP, 1] - face[..., LOWER_LIP, 1]

    with torch.no_grad():
        network.leave[-1].bias.zero_()
        network.leave[-1].weight[:] = torch.randn(7, 16)
        asked, _ = network.told(network.listen(heard)[0])
        network.leave[-1].bias[-1] = -50.0
        unsure, _ = network(heard)
        network.leave[-1].bias[-1] = 50.0
        sure, _ = network(heard)
    assert_allclose(unsure, asked, atol=1e-5)
    assert (opens(asked) > 0.1).any()
    assert_allclose(opens(sure), opens(asked).clamp_max(0), atol=1e-5)
    stays = opens(asked) <= 0
    assert stays.any()
    assert_allclose(sure[stays], asked[stays], atol=1e-5)
    moved = (sure - asked).flatten(0, 1).flatten(1)
    assert torch.linalg.matrix_rank(moved, rtol=1e-4) == 1  # by one motion, that of an opening mouth


def test_who_does_not_tell_of_closed_mouths_closes_none() -> None:
    config = audio2landmark.Audio2LandmarkConfig([], [], hears="mel", units=8, motions=2, closed_weight=0.0)
    module = audio2landmark.Audio2LandmarkTraining(config, APC(8, 1)).eval()
    module.network.basis = torch.randn(2, 468 * 3)
    mel = torch.randn(1, 20, 80)
    with torch.no_grad():
        assert_allclose(module(mel), module.told(mel)[0], atol=1e-5)


VARIANTS = comparisons.variants(resource("config/train/ablations.yaml"))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_the_seeds_predicts_faces(name: str) -> None:
    """Slice by slice with a carried state it says the same as at once, unless it attends to the whole utterance."""
    torch.manual_seed(0)
    module = audio2landmark.Audio2LandmarkTraining(replace(VARIANTS[name], units=16), APC(units=24, layers=1)).eval()
    mel = torch.randn(2, 40, 80)
    with torch.no_grad():
        heard = module.hear(mel)
        at_once, _ = module.network(heard)
        first, state = module.network(heard[:, :17])
        second, _ = module.network(heard[:, 17:], state)
    assert at_once.shape == (2, 40, 468, 3)
    assert not torch.allclose(at_once[0], at_once[1])
    if not VARIANTS[name].heads:
        assert_allclose(torch.cat([first, second], dim=1), at_once, atol=1e-5)


def test_variants_and_look_aheads_are_trained_once_and_scored(
    corpus: Path, prepared: Path, apc_run: Path, tmp_path: Path
) -> None:
    data = list(clips.load_split(corpus, prepared, "val"))
    tiny = {
        "corpora": [str(corpus)],
        "prepared": [str(prepared)],
        "units": 8,
        "length": 40,
        "batch": 2,
        "draws": 2,
        "epochs": 1,
    }
    sliced = audio2landmark.Audio2LandmarkConfig(**tiny, network="sliced", compress="mean", lookahead=12)
    table = comparisons.ablations({"mean": sliced}, apc_run, tmp_path, data)
    assert set(table) == {"mean", "random"}
    assert {"D_P", "D_V", "D_PL", "D_VL", "D_AL", "D_AE", "aperture_r"} <= set(table["mean"])
    written = (tmp_path / "mean/network.pt").stat().st_mtime_ns
    assert comparisons.ablations({"mean": sliced}, apc_run, tmp_path, data) == table
    assert (tmp_path / "mean/network.pt").stat().st_mtime_ns == written
    with pytest.raises(BadInputError, match="was trained with other settings"):
        comparisons.ablations({"mean": replace(sliced, heads=16)}, apc_run, tmp_path, data)
    streaming = audio2landmark.Audio2LandmarkConfig(**tiny, motions=4)
    curve = comparisons.lookaheads(streaming, [0, 4], apc_run, tmp_path, data)
    assert list(curve) == ["20", "100"]
    drawing.curve(tmp_path / "curve.png", [20, 100], [figures["aperture_r"] for figures in curve.values()])
    assert (tmp_path / "curve.png").exists()


def test_people_are_left_out_in_turn(prepared: Path, apc_run: Path, tmp_path: Path) -> None:
    table = "speaker\tclip\tsplit\na\tone\tval_seen\na\ttwo\ttrain\nb\tone\ttest\nb\ttwo\tval\n"
    (tmp_path / "splits.tsv").write_text(table)
    config = audio2landmark.Audio2LandmarkConfig(
        [str(tmp_path)], [str(prepared)], units=8, motions=4, length=40, batch=2, draws=2, epochs=1
    )
    result = comparisons.left_out(config, ["a"], apc_run, tmp_path / "runs")
    assert list(result["speakers"]) == ["b"]
    assert np.isfinite(result["overall"]["aperture_r"])
    assert {"overall_interval", "chance"} <= set(result)
    with pytest.raises(BadInputError, match=r"needs a split whose name ends in _seen, .* beyond a, b"):
        comparisons.left_out(config, ["a", "b"], apc_run, tmp_path / "runs")


def test_a_variant_with_a_mistake_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("shared: {corpora: [], prepared: []}\nvariants:\n  odd: {compres: last}\n")
    with pytest.raises(BadInputError, match=r"bad.yaml: odd: unknown setting 'compres'. Did you mean 'compress'\?"):
        comparisons.variants(tmp_path / "bad.yaml")


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
