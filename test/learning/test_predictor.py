"""The predictor learns where expressions go, and its evaluation cannot be pleased by nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from vision.acting import GAPE, SMILE, SNEER, Move, acted

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import BROW_LEFT, BROW_RIGHT, CANONICAL, CORNER_LEFT, CORNER_RIGHT
from lipsync_robot.learning import export, expressions, predictor
from lipsync_robot.learning import predictor_evaluation as scores
from lipsync_robot.learning.expressions import Clip
from lipsync_robot.learning.networks import Anticipation
from lipsync_robot.resources import resource
from lipsync_robot.vision.expression import Frame, Onsets, Predictor, stretches

SMALL = predictor.PredictorConfig()
ACTING = Path(__file__).parents[3] / "shared/data/expression/acting"


def watch(clips: list[Clip], model: Path) -> scores.Watched:
    return scores.watch(clips, Predictor(model, providers=("cpu",)), SMALL.signs, SMALL.limits)


def test_a_mirrored_face_has_its_left_where_its_right_was() -> None:
    assert_allclose(predictor.mirrored(CANONICAL.vertices), CANONICAL.vertices, atol=1e-3)  # cm: it is symmetric
    assert (np.sort(predictor.MIRROR) == np.arange(468)).all()
    assert (predictor.MIRROR[predictor.MIRROR] == np.arange(468)).all()
    assert (predictor.MIRROR[BROW_RIGHT] == BROW_LEFT).all()
    assert predictor.MIRROR[CORNER_RIGHT] == CORNER_LEFT
    assert_allclose(predictor.mirrored(SMILE), SMILE, atol=1e-3)
    assert np.abs(predictor.mirrored(SNEER) - SNEER).max() > 0.5


def test_expressions_are_found_where_they_were_acted_and_what_is_small_or_breaks_off_is_dropped() -> None:
    stamps = np.arange(0, 10, 1 / 30)
    moves = [Move(SMILE, 1.0, 0.6), Move(0.5 * SMILE, 5.0, 0.35), Move(GAPE, 9.6, 0.8)]
    kept, dropped = expressions.expressions(
        Clip("a", "a", 10.0, stamps, acted(moves, stamps).astype(np.float32)), SMALL.signs, SMALL.limits
    )
    assert [each.stamps[2] for each in kept] == pytest.approx([1.6, 3.2], abs=0.13)  # there, and back to rest
    assert kept[0].stamps[0] == pytest.approx(1.0, abs=0.2)
    assert all(start <= onset < peak for start, onset, peak in (each.stamps for each in kept))
    assert dropped == {"too small": 2, "the clip ends, or the face is lost, before its peak": 1}


def test_of_a_long_clip_an_expression_keeps_what_tells_its_onset_and_no_more() -> None:
    stamps = np.arange(0, 60, 1 / 25)
    moves = [Move((SMILE, GAPE, SNEER)[i % 3], 1.0 + 3.7 * i, 0.6) for i in range(15)]
    clip = Clip("a", "a", 60.0, stamps, acted(moves, stamps).astype(np.float32))
    ((faces, at),), detector = stretches(clip.faces, clip.stamps), Onsets(SMALL.signs)
    told = [stamp for face, stamp in zip(faces, at, strict=True) if detector(Frame(stamp, face))]
    kept, _ = expressions.expressions(clip, SMALL.signs, SMALL.limits)
    assert len(kept) == 30
    for each in kept:
        known, onset = predictor.streamed(each, SMALL.signs)
        assert onset is not None
        assert min(abs(each.stamps[0] + (known - each.at.start) / 25 - stamp) for stamp in told) < 1e-6
        assert len(each.before) == each.at.peak + 1 <= 100  # four seconds
        assert each.before.base is None


def test_it_beats_the_current_face_on_somebody_it_never_met(people: list[Clip], foreteller: Path) -> None:
    tested = watch(people[3:], foreteller)
    assert len(tested.foretold) >= 14  # of 18 moves, there and back
    result = scores.scored(tested, watch(people[:3], foreteller))
    figures = scores.report(result)
    assert figures["predictor"] < 0.8 * figures["baselines"]["current_face"]
    assert figures["baselines"]["current_face"] < figures["baselines"]["random_face"]
    assert figures["lead_ms"]["p10"] > 0
    assert figures["sequences"] == len(tested.foretold) == figures["people"]["d"]["sequences"]
    low, high = figures["intervals"]["predictor"]
    assert low - 1e-9 <= figures["predictor"] <= high + 1e-9  # where all draws are alike, it is but rounding wide


def test_the_exported_model_does_what_was_trained(people: list[Clip], tmp_path: Path) -> None:
    trained = predictor.train(predictor.PredictorConfig(steps=20), people[:1])
    export.predictor(trained, SMALL.signs, tmp_path / "predictor.onnx")
    told = [each.told for each in watch(people[3:], tmp_path / "predictor.onnx").foretold]
    assert told
    for each in told[:5]:
        moved = torch.from_numpy(each.onset.faces - each.onset.start).float()[None]
        with torch.no_grad():
            ahead = trained(moved)[0].numpy()
        assert np.abs(ahead).max() > 0.05  # cm
        assert_allclose(each.face, each.onset.faces[-1] + ahead, atol=1e-4)


def test_training_again_gives_the_same(people: list[Clip]) -> None:
    config = predictor.PredictorConfig(steps=5)
    one, other = (predictor.train(config, people[:1]).state_dict() for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)


def test_a_predictor_that_foretells_nothing_scores_as_the_current_face(people: list[Clip], tmp_path: Path) -> None:
    export.predictor(Anticipation(4, 4, 0.0), SMALL.signs, tmp_path / "nothing.onnx")  # its motions are all zero
    told = watch(people[:2], tmp_path / "nothing.onnx")
    figures = scores.report(scores.scored(told, told))
    assert figures["predictor"] == pytest.approx(figures["baselines"]["current_face"], abs=1e-9)
    assert figures["improvement_over_best_baseline"] <= 0


def test_what_is_told_too_often_or_never_is_counted(people: list[Clip], foreteller: Path) -> None:
    """Small moves are told, and are no expressions; slow ones are, and are not told. Each goes there and back."""
    stamps = np.arange(0, 20, 1 / 30)
    moves = [Move(0.5 * SMILE, 1.0, 0.35), Move(1.2 * SMILE, 6.0, 1.05, 9.0)]
    told = watch([Clip("a", "a", 20.0, stamps, acted(moves, stamps, jitter_cm=0.003).astype(np.float32))], foreteller)
    assert told.false == 2
    assert told.missed == 2
    assert told.minutes == pytest.approx(1 / 3)


def test_nothing_to_score_is_an_error_not_a_perfect_score(people: list[Clip], foreteller: Path) -> None:
    stamps = np.arange(0, 5, 1 / 30)
    idle = watch([Clip("a", "a", 5.0, stamps, acted([], stamps).astype(np.float32))], foreteller)
    known = watch(people[:1], foreteller)
    with pytest.raises(BadInputError, match="there is nothing to score"):
        scores.scored(idle, known)
    with pytest.raises(BadInputError, match="there is nothing to score"):
        scores.scored(known, idle)


def test_too_little_to_learn_from_is_said() -> None:
    stamps = np.arange(0, 5, 1 / 30)
    with pytest.raises(BadInputError, match="2 expressions: 10 are the fewest"):
        clip = Clip("a", "a", 5.0, stamps, acted([Move(SMILE, 1.0, 0.6)], stamps).astype(np.float32))
        predictor.train(SMALL, [clip])


def test_faces_are_kept_to_a_thousandth_of_a_centimetre(people: list[Clip], tmp_path: Path) -> None:
    expressions.save(people[0]._replace(name="band/a"), tmp_path)
    (loaded,) = expressions.load(tmp_path)
    assert (loaded.name, loaded.person, loaded.seconds) == ("band/a", "a", people[0].seconds)
    assert_allclose(loaded.faces, people[0].faces, atol=1e-3)
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.skipif(not ACTING.exists(), reason="the acted clips are not beside this checkout")
def test_a_real_face_is_foretold(tmp_path: Path) -> None:
    """A development person whose lips part and close twice, then who smiles."""
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/d9.mp4").symlink_to(ACTING / "d9.mp4")
    expressions.follow(tmp_path / "videos", tmp_path / "faces", None)
    (clip,) = expressions.load(tmp_path / "faces")
    assert clip.faces.shape == (587, 468, 3)
    told = watch([clip], resource("models/predictor.onnx"))
    assert len(told.foretold) >= 5
    assert np.median([each.lead_s for each in told.foretold]) > 0.1
