"""Finished runs to ONNX in every precision, against torch on a person's speech."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.testing import assert_allclose

from lipsync_robot.audio.mel import BANDS, LogMel
from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import CANONICAL, aperture
from lipsync_robot.inference import MADE_OF, ModelError, Network, light
from lipsync_robot.learning import costs, export
from lipsync_robot.learning.finished import TOLERANCE, to_onnx
from lipsync_robot.learning.networks import APC, SLICE, Audio2Landmark
from lipsync_robot.resources import resource
from lipsync_robot.speech.audio2landmark import Audio2Landmark as Speaking
from lipsync_robot.speech.audio2landmark import apc_of

LOOKAHEAD = 2


@pytest.fixture(scope="module")
def mel(speech: np.ndarray) -> np.ndarray:
    return LogMel()(speech)


@pytest.fixture(scope="module")
def networks(mel: np.ndarray) -> tuple[APC, Audio2Landmark]:
    """Small and untrained, with a mouth that moves by about a centimetre."""
    torch.manual_seed(0)
    representation, network = APC(units=96, layers=2).eval(), Audio2Landmark(96 + BANDS, 64, 2, 8, 0.0, closes=True).eval()
    representation.mean, representation.std = torch.from_numpy(mel).mean(0), torch.from_numpy(mel).std(0)
    network.basis = 4 * torch.randn(network.basis.shape)
    return representation, network


@pytest.fixture(scope="module")
def runs(networks: tuple[APC, Audio2Landmark], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """apc/, face/ over it, and smaller/, an APC of fewer units."""
    representation, network = networks
    face = {"corpora": [], "prepared": [], "units": 64, "layers": 2, "motions": 8, "dropout": 0.0, "lookahead": LOOKAHEAD}
    root = tmp_path_factory.mktemp("runs")
    for name, saved in {
        "apc": {"config": {"units": 96, "layers": 2}, "state": representation.state_dict()},
        "face": {"config": face, "state": network.state_dict(), "static": torch.zeros(468, 3), "apc": representation.digest()},
        "smaller": {"config": {"units": 8, "layers": 1}, "state": APC(units=8, layers=1).state_dict()},
        "neither": {"state": {}},
    }.items():
        (root / name).mkdir()
        torch.save(saved, root / name / "network.pt")
    return root


@pytest.fixture(scope="module")
def models(runs: Path, recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fp32/ and fp16/, each with apc.onnx and face.onnx; int4/ with those of float32, and apc_int4.onnx and face_int4.onnx."""
    folder = tmp_path_factory.mktemp("models")
    for precision in ("fp32", "fp16", "int4"):
        apart = "fp32" if precision == "int4" else precision
        for name in ("apc", "face"):
            to_onnx([runs / name], runs / "apc", folder / precision / f"{name}.onnx", apart, recording)
    for name in ("apc", "face"):
        to_onnx([runs / name], runs / "apc", folder / f"int4/{name}_int4.onnx", "int4", recording)
    return folder


@pytest.fixture(scope="module")
def speaking(models: Path) -> Callable[[str], Speaking]:
    return lambda precision: Speaking(
        models / precision / "apc.onnx", models / precision / "face.onnx", CANONICAL.vertices, ("cpu",)
    )


@pytest.mark.parametrize(("precision", "within_cm"), [("fp32", 1e-5), ("fp16", 0.005), ("int4", 0.1)])
def test_the_robot_moves_as_torch_does(networks, speaking, mel: np.ndarray, precision: str, within_cm: float) -> None:
    representation, network = networks
    with torch.no_grad():
        heard = torch.from_numpy(mel)[None]
        batch = network(torch.cat([representation(heard)[0], representation.normalise(heard)], dim=-1))[0][0].numpy()
    assert np.ptp(batch, axis=0).max() > 10 * within_cm
    assert_allclose(speaking(precision).displacements(mel), batch, atol=within_cm)


@pytest.mark.parametrize("precision", costs.PRECISIONS)
def test_a_slice_is_heard_from_nothing_as_torch_hears_it(networks, mel: np.ndarray, tmp_path: Path, precision) -> None:
    """What streaming is held against in `lipsync-robot bench`."""
    representation, _ = networks
    export.apc(representation, tmp_path / "slice.onnx", precision, SLICE)
    network, heard = Network(tmp_path / "slice.onnx", ("cpu",)), mel[None, 50 : 50 + SLICE]
    with torch.no_grad():
        expected = representation(torch.from_numpy(heard))[0].numpy()
    assert_allclose(network(mel=heard), expected, atol=TOLERANCE[precision])


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int4"])
def test_any_chunking_gives_the_same_faces(speaking, speech: np.ndarray, mel: np.ndarray, precision: str) -> None:
    model = speaking(precision)
    whole = model.displacements(mel)
    model.reset()
    cuts = np.cumsum(np.random.default_rng(0).integers(1, 4000, 300))
    chunks = np.split(speech, cuts[cuts < len(speech)])
    stamps = np.cumsum([0, *map(len, chunks)]) / 16_000
    faces = [face.points for chunk, stamp in zip(chunks, stamps, strict=False) for face in model(chunk, stamp)]
    assert_allclose(np.array(faces) - CANONICAL.vertices, whole[LOOKAHEAD:], atol=1e-4)


@pytest.mark.parametrize("name", ["apc", "face"])
def test_a_coarser_precision_is_smaller_and_fits_the_same_robot(models: Path, name: str) -> None:
    fp32, fp16, int4 = (models / file for file in (f"fp32/{name}.onnx", f"fp16/{name}.onnx", f"int4/{name}_int4.onnx"))
    assert fp32.stat().st_size > 1.5 * fp16.stat().st_size
    within = models / "fp16/apc.onnx" if name == "face" else None  # which the int4 one holds too
    assert fp16.stat().st_size + (within.stat().st_size if within else 0) > int4.stat().st_size
    for coarser in (fp16, int4):
        a, b = onnx.load(fp32), onnx.load(coarser)
        if not (within and coarser == int4):
            assert list(a.graph.input) == list(b.graph.input)
            assert list(a.graph.output) == list(b.graph.output)
        assert list(a.graph.output)[:2] == list(b.graph.output)[:2]
        assert list(a.metadata_props) == [each for each in b.metadata_props if each.key != MADE_OF]
    layers = 4 if within else 2  # of GRUs, each with two products
    assert sum(node.op_type == "MatMulNBits" for node in onnx.load(int4).graph.node) == 2 * layers


def test_a_cpu_takes_the_light_version_of_two_models_and_of_no_others(
    runs: Path, models: Path, recording: Path, mel: np.ndarray, tmp_path: Path
) -> None:
    shutil.copytree(models / "int4", tmp_path, dirs_exist_ok=True)
    apc, face, lighter = (tmp_path / f"{name}.onnx" for name in ("apc", "face", "face_int4"))

    def says() -> np.ndarray:
        return Speaking(apc, face, CANONICAL.vertices, ("cpu",)).displacements(mel[:20])

    alone = Network(lighter, ("cpu",))
    lightly = says()
    assert (lightly == [alone(mel=hop[None, None])[0, 0] for hop in mel[:20]]).all()
    assert (lightly == Speaking(apc, lighter, CANONICAL.vertices, ("cpu",)).displacements(mel[:20])).all()  # named itself
    lighter.unlink()
    exact = says()
    assert (lightly != exact).any()
    to_onnx([runs / "face"], runs / "apc", lighter.with_stem("face_int8"), "int8", recording)
    finer = says()  # which is what a CPU takes where the other is not
    assert 0 < np.abs(finer - exact).max() < np.abs(lightly - exact).max()
    lighter.with_stem("face_int8").unlink()
    to_onnx([runs / "apc"], runs / "apc", apc, "fp16", recording)
    shutil.copy(models / "int4/face_int4.onnx", lighter)
    other = says()  # what lies beside it was made of another APC
    assert 0 < np.abs(other - exact).max() < np.abs(lightly - exact).max()
    to_onnx([runs / "smaller"], runs / "smaller", apc, "fp32", recording)
    to_onnx([runs / "face"], runs / "apc", lighter, "int4", recording)  # so is this
    assert light((apc, face), ("cpu",)) is None


def test_a_face_over_another_representation_than_its_own_does_not_speak(models: Path, runs: Path, recording: Path, tmp_path):
    representation = APC(units=96, layers=2)  # of the same shape, trained otherwise
    torch.save({"config": {"units": 96, "layers": 2}, "state": representation.state_dict()}, tmp_path / "network.pt")
    to_onnx([tmp_path], tmp_path, tmp_path / "apc.onnx", "fp32", recording)
    face = models / "fp32/face.onnx"
    assert apc_of(face) == models / "fp32/apc.onnx"
    assert apc_of(tmp_path / "face.onnx") == tmp_path / "apc.onnx"
    assert apc_of(tmp_path / "elsewhere/face.onnx") == resource("models/apc.onnx")
    Speaking(apc_of(face), face, CANONICAL.vertices, ("cpu",))
    with pytest.raises(ModelError, match=r"face.onnx: was trained over another APC than .*/apc.onnx, and would make no sense"):
        Speaking(tmp_path / "apc.onnx", face, CANONICAL.vertices, ("cpu",))


@pytest.mark.parametrize("name", ["audio2landmark", "audio2landmark_research"])
def test_the_packages_models_have_light_versions(name: str, mel: np.ndarray) -> None:
    models = resource("models/apc.onnx"), resource(f"models/{name}.onnx")
    chosen, lighter = Speaking(*models, CANONICAL.vertices, ("cpu",)), light(models, ("cpu",))
    assert lighter
    assert (chosen.displacements(mel[:20]) == [lighter(mel=hop[None, None])[0, 0] for hop in mel[:20]]).all()


@pytest.mark.parametrize("name", ["audio2landmark", "audio2landmark_research"])
def test_the_packages_light_versions_move_as_the_others_do(name: str, mel: np.ndarray, tmp_path: Path) -> None:
    lightly = Speaking(resource("models/apc.onnx"), resource(f"models/{name}.onnx"), CANONICAL.vertices, ("cpu",))
    copies = [Path(shutil.copy(resource(f"models/{each}.onnx"), tmp_path)) for each in ("apc", name)]
    exactly = Speaking(*copies, CANONICAL.vertices, ("cpu",))  # nothing light beside them
    moved, exact = lightly.displacements(mel), exactly.displacements(mel)
    assert_allclose(moved, exact, atol=0.05)
    opened, truly = (aperture(CANONICAL.vertices + each) for each in (moved, exact))
    assert np.ptp(truly) > 0.5
    assert np.corrcoef(opened, truly)[0, 1] > 0.999


@pytest.mark.parametrize(
    ("run", "apc_run", "says"),
    [
        ("nowhere", "apc", "nowhere/network.pt: no such file. Give the folder of a finished run"),
        ("neither", "apc", "neither: holds neither an APC nor an audio2landmark network"),
        ("face", "face", "face: not a run of `train apc`"),
        ("face", "smaller", "face: was not trained over .*smaller. Name with --apc"),
    ],
)
def test_a_run_that_does_not_fit_is_one_sentence(runs: Path, recording, tmp_path: Path, run: str, apc_run: str, says) -> None:
    with pytest.raises(BadInputError, match=says):
        to_onnx([runs / run], runs / apc_run, tmp_path / "model.onnx", "fp32", recording)
    assert not any(tmp_path.iterdir())


def test_a_run_that_was_cut_off_is_one_sentence(runs: Path, recording: Path, tmp_path: Path) -> None:
    for length in (0, 5000):
        (tmp_path / "network.pt").write_bytes((runs / "apc/network.pt").read_bytes()[:length])
        with pytest.raises(BadInputError, match="cannot be read as what a training run saves"):
            to_onnx([tmp_path], tmp_path, tmp_path / "model.onnx", "fp32", recording)


def test_a_network_that_diverged_is_not_written(runs: Path, recording: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "apc", tmp_path / "run")
    saved = torch.load(tmp_path / "run/network.pt")
    saved["state"]["gru.bias_hh_l0"][0] = torch.nan
    torch.save(saved, tmp_path / "run/network.pt")
    with pytest.raises(BadInputError, match=r"as fp32 it differs from torch by nan .* nothing was written"):
        to_onnx([tmp_path / "run"], tmp_path, tmp_path / "model.onnx", "fp32", recording)
    assert not (tmp_path / "model.onnx").exists()


def test_a_click_is_no_speech_to_compare_on(runs: Path, make_sound, tmp_path: Path) -> None:
    click = make_sound("click.wav", source="sine=frequency=300:duration=0.01")
    with pytest.raises(BadInputError, match=r"click.wav: shorter than one hop of 20 ms"):
        to_onnx([runs / "apc"], runs / "apc", tmp_path / "model.onnx", "fp32", click)


def test_joined_runs_answer_with_their_mean(networks, runs: Path, recording: Path, mel: np.ndarray, tmp_path: Path) -> None:
    representation, network = networks
    torch.manual_seed(1)
    other = Audio2Landmark(BANDS, 64, 1, 8, dropout=0.0).eval()  # hears mel alone, and tells of no closed mouth
    other.basis = network.basis.clone()
    config = {"corpora": [], "prepared": [], "hears": "mel", "units": 64, "layers": 1, "motions": 8, "lookahead": LOOKAHEAD}
    config |= {"closed_weight": 0.0}
    saved = {"config": config, "state": other.state_dict(), "static": torch.zeros(468, 3), "apc": representation.digest()}
    (tmp_path / "other").mkdir()
    torch.save(saved, tmp_path / "other/network.pt")
    to_onnx([runs / "face", tmp_path / "other"], runs / "apc", tmp_path / "both.onnx", "fp32", recording)
    to_onnx([runs / "apc"], runs / "apc", tmp_path / "apc.onnx", "fp32", recording)
    with torch.no_grad():
        normal = representation.normalise(torch.from_numpy(mel)[None])
        first = network(torch.cat([representation(torch.from_numpy(mel)[None])[0], normal], dim=-1))[0]
        expected = (first + other(normal)[0])[0].numpy() / 2
    both = Speaking(tmp_path / "apc.onnx", tmp_path / "both.onnx", CANONICAL.vertices, ("cpu",))
    assert_allclose(both.displacements(mel), expected, atol=1e-5)
    with pytest.raises(BadInputError, match="Only runs of `train audio2landmark` can be joined"):
        to_onnx([runs / "face", runs / "apc"], runs / "apc", tmp_path / "x.onnx", "fp32", recording)


def test_what_a_hop_costs_otherwise() -> None:
    took = costs.speech(times=3)
    assert set(took) == {"torch", *(f"{way}_{each}" for way in ("streaming", "sliced") for each in costs.PRECISIONS)}
    assert all(took[f"streaming_{each}"] < took[f"sliced_{each}"] for each in costs.PRECISIONS)
