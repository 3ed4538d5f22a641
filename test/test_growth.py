"""What `make soak` concludes from memory that it saw."""

import numpy as np

from bench.growth import drift, slope, told

HOURS = np.arange(660) * 10 / 3600  # nearly two
JITTER = 0.05 * np.random.default_rng(0).standard_normal(len(HOURS))


def test_a_leak_is_seen_and_stillness_is_none() -> None:
    leak, still = slope(HOURS, 100 + 2 * HOURS + JITTER), slope(HOURS, 100 + JITTER)
    assert 1 < leak.low < 2 < leak.high < 3
    assert -1 < still.low < 0 < still.high < 1


def test_one_step_proves_no_leak_but_steps_without_end_do() -> None:
    minutes = HOURS[:120] * 60
    assert slope(HOURS[:120], 100 + 0.5 * (minutes > 10)).low < 0  # though least squares make 2 MB an hour of it
    assert slope(HOURS, 100 + 0.5 * np.floor(6 * HOURS)).low > 1


def test_a_process_that_grows_is_named_and_its_warm_up_forgiven() -> None:
    warm = np.minimum(HOURS, 600 / 3600)
    busy = np.arange(len(HOURS)) % 5  # open files come and go
    well = np.stack([80 + 300 * warm + JITTER, 20 + busy, np.full_like(HOURS, 9), 300 * HOURS], axis=1)
    leaks = well + np.stack([5 * HOURS, np.floor(10 * HOURS), 0 * HOURS, 0 * HOURS], axis=1)
    figures, grows = told(HOURS, {"say": well})
    assert not grows and figures["say"]["handles"][2] == 24 and figures["say"]["CPU %"] == 8
    assert [line.split()[0] for line in told(HOURS, {"say": leaks})[1]] == ["say", "say", "all", "all"]


def test_drift_is_what_a_line_rises_by_and_how_sure_that_is() -> None:
    rise, error = drift(np.linspace(0, 3, 120) + np.random.default_rng(0).standard_normal(120))
    assert abs(rise - 3) < 3 * error < 2
