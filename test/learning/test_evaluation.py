"""What is known to be right, late, still, half or noisy is scored as that."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.audio.mel import FRAME_RATE
from lipsync_robot.face.landmarks import CANONICAL, CHIN, LOWER_LIP_INNER, UPPER_LIP_INNER
from lipsync_robot.learning import baselines, evaluation
from lipsync_robot.learning.clips import Clip

LOWER = [*LOWER_LIP_INNER[1:-1], CHIN]


def clip(name: str, opening: np.ndarray, person: str = "a", speech: np.ndarray | None = None) -> Clip:
    """A face whose lower lip and chin drop by opening (hops,) cm, and that is as loud as its mouth is open."""
    neutral = CANONICAL.vertices.astype(np.float32)
    neutral[LOWER_LIP_INNER] = neutral[UPPER_LIP_INNER]
    displacement = np.zeros((len(opening), *neutral.shape), np.float32)
    displacement[:, LOWER, 1] = -opening[:, None]
    mel = (np.linspace(-10, 0, 80) + 20 * opening[:, None] - 40).astype(np.float32)
    return Clip(name, person, mel, neutral, displacement, np.ones(len(opening), bool) if speech is None else speech)


def babble(seed: int, hops: int = 200) -> np.ndarray:
    """Openings (hops,) of 0 to 1 cm with closures."""
    time = np.arange(hops) / FRAME_RATE
    rates = np.random.default_rng(seed).uniform(2, 5, 2)
    return np.clip(0.2 + np.sin(2 * np.pi * rates * time[:, None]).sum(axis=1) / 2, 0, 1)


@pytest.fixture
def data() -> list[Clip]:
    return [clip(f"{person}/{i}", babble(10 * i + ord(person)), person) for person in "ab" for i in range(2)]


def late(data: list[Clip], hops: int) -> evaluation.Predict:
    """Says the truth of a clip it recognises by its sound, so many hops late."""

    def predict(mel: np.ndarray) -> np.ndarray:
        heard = next(clip for clip in data if np.array_equal(clip.mel, mel[: len(clip.mel)]))
        return np.concatenate([np.zeros_like(heard.displacement[:hops]), heard.displacement])[: len(mel)]

    return predict


def test_the_truth_scores_perfectly(data: list[Clip]) -> None:
    figures = evaluation.evaluate(late(data, 2), data, lookahead=2)
    for name in ("aperture_r", "aperture_r_in_speech", "swing", "closure_recall", "closure_precision"):
        assert figures[name] == pytest.approx(1, abs=1e-6), name
    for name in ("D_P", "D_V", "D_PL", "D_PL_by_width", "D_VL", "D_AL", "D_AE", "lag_ms", "false_alarms"):
        assert figures[name] == pytest.approx(0, abs=1e-6), name
    assert figures["jerk"] == pytest.approx(figures["jerk_true"])


def test_the_truth_two_hops_late_lags_40_ms(data: list[Clip]) -> None:
    assert evaluation.evaluate(late(data, 4), data, lookahead=2)["lag_ms"] == pytest.approx(40, abs=5)


def test_a_still_face_scores_nothing(data: list[Clip]) -> None:
    figures = evaluation.evaluate(lambda mel: np.zeros((len(mel), 468, 3)), data, lookahead=0)
    for name in ("aperture_r", "width_r", "swing", "lag_ms", "jerk", "closure_recall"):
        assert figures[name] == 0, name


def test_a_mouth_half_as_open_moves_right_and_errs_by_half_its_area(data: list[Clip]) -> None:
    half = evaluation.overall([evaluation.score(each, baselines.truth(each) / 2) for each in data])
    still = evaluation.overall([evaluation.score(each, 0 * baselines.truth(each)) for each in data])
    assert half["aperture_r"] == pytest.approx(1, abs=1e-6)
    assert half["swing"] == pytest.approx(0.5, abs=1e-3)
    assert half["D_AL"] == pytest.approx(still["D_AL"] / 2, rel=1e-3)


def test_closures_are_counted_over_all_clips_together(data: list[Clip]) -> None:
    scored = [evaluation.score(data[0], baselines.truth(data[0])), evaluation.score(data[1], 0 * baselines.truth(data[1]))]
    recalled, true = scored[0].closures.recalled, scored[0].closures.true + scored[1].closures.true
    assert evaluation.overall(scored)["closure_recall"] == recalled / true


def test_an_interval_is_as_wide_as_the_mean_is_uncertain(data: list[Clip]) -> None:
    one = evaluation.score(data[0], baselines.truth(data[0]))
    values = np.random.default_rng(0).normal(0.5, 0.1, 20)
    scored = [one._replace(figures={"D_P": value}) for value in np.repeat(values, 5)]  # five equal clips of each person
    expected = 1.96 * values.std(ddof=1) / np.sqrt([20, 100])
    by_person = evaluation.interval(scored, [str(i // 5) for i in range(100)])["D_P"]
    by_clip = evaluation.interval(scored, ["same"] * 100)["D_P"]
    assert_allclose([np.ptp(by_person) / 2, np.ptp(by_clip) / 2], expected, rtol=0.1)
    assert by_person[0] < 0.5 < by_person[1]
    better = [each._replace(figures={"D_P": each.figures["D_P"] + 0.01}) for each in scored]
    gained = evaluation.interval(better, ["same"] * 100, scored)["D_P"]
    assert_allclose(gained, 0.01)  # by everybody: what differs between people is no doubt of it


def test_chance_is_the_same_person_saying_something_else(data: list[Clip]) -> None:
    truths = [baselines.truth(each) for each in data]
    chance, random = baselines.chance(data, list("aabb"), truths.__getitem__), baselines.random(data)
    for i, other in enumerate((1, 0, 3, 2)):
        assert_allclose(chance(i), truths[other])
        assert not np.allclose(random(i), truths[i])
    alone = [clip("a/long", babble(1, 400), "a"), clip("b/short", babble(2, 100), "b")]
    elsewhere = baselines.chance(alone, list("ab"), lambda i: baselines.truth(alone[i]))
    long, short = elsewhere(0), elsewhere(1)
    assert (len(long), len(short)) == (200, 50)
    assert_allclose(long[:50], baselines.truth(alone[1]))


def test_baselines_that_listen_follow_loudness(data: list[Clip]) -> None:
    training, unheard = data[:3], data[3]
    loud = evaluation.score(unheard, baselines.amplitude(training)(unheard))
    assert loud.figures["aperture_r"] > 0.85
    assert_allclose(baselines.nearest(training)(training[1]), baselines.truth(training[1]), atol=1e-6)


def test_label_noise_is_measured_where_a_mouth_is_closed_in_silence() -> None:
    quiet = np.concatenate([np.zeros(600), babble(3, 200)])
    noisy = clip("a/noisy", quiet, speech=quiet > 0)
    noisy.displacement[...] += np.random.default_rng(0).normal(0, 0.01, noisy.displacement.shape)
    jittered = baselines.jittered([noisy])
    assert jittered
    assert (jittered(noisy) - baselines.truth(noisy)).std() == pytest.approx(0.01, rel=0.05)
    assert baselines.jittered([clip("a/loud", babble(4))]) is None


def test_a_report_holds_its_figures_beside_what_they_mean(data: list[Clip]) -> None:
    truths = [baselines.truth(each) for each in data].__getitem__
    report = evaluation.report(data, truths, data, {"speakers": list("aabb"), "languages": ["en", "en", "jv", "jv"]})
    assert set(report["baselines"]) == {"static", "random", "amplitude", "nearest"}
    assert set(report["overall_interval"]) == set(report["overall"]) == set(report["chance"]) == set(report["chance_interval"])
    assert report["speakers"]["a"]["clips"] == report["languages"]["jv"]["clips"] == 2
    assert report["chance"]["aperture_r"] < 0.7 < report["overall"]["aperture_r"]
    alone = evaluation.report(data[:1], truths, [], {"speakers": ["a"]})
    assert set(alone["baselines"]) == {"static"}
    assert [sentence.split(":")[0] for sentence in alone["left_out"]] == [
        "chance and random", "amplitude and nearest", "noise_floor",
    ]  # fmt: skip


def test_a_report_asks_for_each_answer_once_and_keeps_two(data: list[Clip]) -> None:
    asked: list[float] = []

    def predict(mel: np.ndarray) -> np.ndarray:
        asked.append(mel.mean())
        return np.zeros((len(mel), 468, 3))

    answers = evaluation.predictions(predict, data, lookahead=0)
    evaluation.report(data, answers, [], {"speakers": list("aabb")})
    assert asked == pytest.approx([each.mel.mean() for each in data])
    assert answers.cache_info().currsize == 2  # type: ignore[attr-defined]
