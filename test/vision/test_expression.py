"""An expression as it begins: it is told once, soon, whatever the camera's rate, and what is shown never jumps."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from vision.acting import BLINK, FACE, GAPE, SMILE, SNEER, Move, acted

from lipsync_robot.inference import ModelError
from lipsync_robot.resources import resource
from lipsync_robot.vision import expression
from lipsync_robot.vision.expression import GRID_HZ, LIDS, Grid, Manners, Onsets, Predictor, watched

SMILES = Move(SMILE, 1.0, 0.6)
TWICE = [SMILES, Move(GAPE, 5.0, 0.5)]  # and each time back to rest: four moves


def every(rate: float, seconds: float = 8.0) -> np.ndarray:
    return np.arange(0, seconds, 1 / rate)


def fires(faces: np.ndarray, stamps: np.ndarray) -> list[float]:
    grid, onsets = Grid(), Onsets()
    frames = (frame for face, stamp in zip(faces, stamps, strict=True) for frame in grid(face, stamp))
    return [frame.stamp for frame in frames if onsets(frame) is not None]


def streamed(predictor: Predictor, faces: np.ndarray, stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """-> what is shown (n, 468, 3) cm, and whether it is expected (n,)."""
    shown = [(predictor(face, stamp), predictor.is_anticipating) for face, stamp in zip(faces, stamps, strict=True)]
    return np.array([face for face, _ in shown]), np.array([expected for _, expected in shown])


@pytest.fixture(scope="module")
def predictor(foreteller: Path) -> Predictor:
    return Predictor(foreteller, providers=("cpu",))


def test_curves_peak_where_the_motion_does() -> None:
    stamps = every(GRID_HZ, 3.0)
    landmarks = watched(acted([SMILES._replace(holds_s=0.0)], stamps, jitter_cm=0))
    way = expression.distance(expression.averaged(landmarks), landmarks[0])
    speed = expression.rate(way)
    late = expression.AVERAGE_LAG / GRID_HZ
    assert stamps[way.argmax()] == pytest.approx(SMILES.peaks_s + late, abs=0.05)
    assert stamps[speed.argmax()] == pytest.approx(SMILES.begins_s + 0.3 + late, abs=0.05)
    assert stamps[expression.rate(speed)[: way.argmax()].argmax()] == pytest.approx(
        SMILES.begins_s + 0.21 * 0.6 + late, abs=0.07
    )
    assert speed.max() == pytest.approx(1.875 * way.max() / 0.6, rel=0.05)  # cm/s: least jerk's


def test_the_average_is_of_the_last_frames_alone() -> None:
    assert_allclose(expression.averaged(np.array([[0.0], [3.0], [6.0], [0.0]])), [[0.0], [1.0], [3.0], [3.0]], atol=1e-12)


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60, 120])
def test_at_any_frame_rate_each_move_is_told_once_and_before_its_peak(rate: int) -> None:
    stamps = every(rate)
    told = fires(acted(TWICE, stamps), stamps)
    begins = [1.0, SMILES.peaks_s + 1.0, 5.0, 6.5]
    assert len(told) == len(begins)
    for at, begin, rises in zip(told, begins, (0.6, 0.6, 0.5, 0.5), strict=True):
        assert begin + 0.1 < at < begin + 0.6 * rises


def test_frames_that_are_missing_or_late_change_little() -> None:
    stamps = every(30)
    regular = fires(acted(TWICE, stamps), stamps)
    random = np.random.default_rng(1)
    some = np.sort(stamps + random.uniform(-0.008, 0.008, len(stamps)))[random.random(len(stamps)) > 0.2]
    assert np.diff(some).max() < expression.LARGEST_GAP_S
    assert_allclose(fires(acted(TWICE, some), some), regular, atol=0.09)


def test_an_expression_is_told_again_only_after_the_face_was_still() -> None:
    """Three moves on top of one another are one; from the held one the next begins."""
    pile = [Move(SMILE, 1.0, 0.6, 9), Move(GAPE, 1.35, 0.5, 9), Move(SNEER, 1.7, 0.5, 9), Move(GAPE, 4.0, 0.5, 9)]
    stamps = every(30, 6.0)
    told = fires(acted(pile, stamps), stamps)
    assert len(told) == 2
    assert told[1] > 4.0


@pytest.mark.parametrize(
    "nothing",
    [
        pytest.param([], id="a still face, with FaceMesh's jitter"),
        pytest.param([Move(BLINK, 1.0, 0.1, 0.0), Move(BLINK, 3.0, 0.08, 0.1)], id="blinks"),
        pytest.param([Move(SMILE, 0.5, 6.0)], id="a slow drift"),
        pytest.param([Move(0.05 * SMILE, 1.0, 0.5)], id="a twitch"),
    ],
)
def test_what_is_no_expression_is_not_told(nothing: list[Move]) -> None:
    stamps = every(30)
    assert fires(acted(nothing, stamps, jitter_cm=0.03), stamps) == []
    louder = acted([*nothing, Move(SMILE, 7.0, 0.5)], stamps, jitter_cm=0.03)
    assert len(fires(louder, stamps)) == 1  # and the same face is heard when it is one


def test_a_face_that_was_lost_comes_back_as_another(predictor: Predictor) -> None:
    """It smiles where nobody sees: the jump is no onset, and nothing of the prediction stays."""
    predictor.reset()
    stamps = every(30, 4.0)
    faces = acted([Move(SMILE, 1.5, 0.5, 9)], stamps)
    seen = (stamps < 1.5) | (stamps > 2.1)
    before = predictor.fired
    shown, expected = streamed(predictor, faces[seen], stamps[seen])
    assert predictor.fired == before
    assert not expected.any()
    assert_allclose(shown, faces[seen])


def test_lost_in_the_middle_of_a_prediction_mimicry_goes_on(predictor: Predictor) -> None:
    predictor.reset()
    stamps = every(30, 3.0)
    faces = acted([SMILES], stamps)
    first = stamps < 1.35
    _, expected = streamed(predictor, faces[first], stamps[first])
    assert expected[-1]
    predictor.reset()
    assert not predictor.is_anticipating
    assert_allclose(predictor(faces[-1], stamps[-1]), faces[-1])


@pytest.mark.parametrize("rate", [25, 60])
@pytest.mark.parametrize(
    "move",
    [SMILES, Move(SMILE, 1.0, 0.5, 0.0), Move(1.3 * GAPE, 1.0, 0.4), Move(1.5 * SNEER, 1.0, 0.7)],
    ids=["smile", "flash of a smile", "gape", "slow sneer"],
)
def test_what_is_shown_runs_ahead_then_hands_back_and_never_jumps(predictor: Predictor, move: Move, rate: int) -> None:
    predictor.reset()
    stamps = every(rate, 6.0)
    faces = acted([move], stamps, jitter_cm=0.0)
    told_before = predictor.fired
    shown, expected = streamed(predictor, faces, stamps)
    assert predictor.fired > told_before
    first = int(expected.argmax())
    assert_allclose(shown[:first], faces[:first], atol=1e-9)  # mimicry, exactly
    assert expected[first] and not expected[-1]
    assert_allclose(shown[-1], faces[-1], atol=1e-9)
    offset = shown - faces
    fastest = np.linalg.norm(np.diff(offset, axis=0), axis=-1).max() * rate
    own = np.linalg.norm(np.diff(faces, axis=0), axis=-1).max() * rate
    assert fastest <= Manners().fastest_cm_s + own
    assert_allclose(shown[:, LIDS], faces[:, LIDS], atol=1e-9)
    soon = first + round(0.05 * rate)  # the fastest of these faces is there itself 0.1 s after
    goal = FACE + move.where
    error, lag = (np.linalg.norm(watched(each[soon] - goal), axis=-1).mean() for each in (shown, faces))
    assert error < lag


def test_a_prediction_that_never_comes_true_is_given_up(predictor: Predictor) -> None:
    """The face stops half-way: it is neither there nor back."""
    predictor.reset()
    stamps = every(30, 4.0)
    faces = acted([SMILES], stamps, jitter_cm=0.0)
    stop = int(np.searchsorted(stamps, 1.3))
    faces[stop:] = faces[stop]
    shown, expected = streamed(predictor, faces, stamps)
    assert expected.any()
    waited = np.flatnonzero(expected) / 30
    assert np.ptp(waited) <= Manners().longest_s + 0.1
    assert_allclose(shown[-1], faces[-1], atol=1e-9)


def test_the_one_that_ships_foretells_the_same_expressions() -> None:
    stamps = every(30)
    faces = acted(TWICE, stamps)
    ships = Predictor(resource("models/predictor.onnx"))
    told = []
    for face, stamp in zip(faces, stamps, strict=True):
        before = ships.fired
        ships(face, stamp)
        told += [stamp] * (ships.fired - before)
    assert_allclose(told, fires(faces, stamps), atol=1 / 30)


def test_a_model_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="does not say when an expression begins"):
        Predictor(resource("models/twin_inverse.onnx"))
