"""How the twin may look: plausibly by chance, and in no way that is a mistake."""

from dataclasses import asdict

import numpy as np
import pytest

from lipsync_robot.errors import BadInputError
from lipsync_robot.twin.appearance import Appearance

PLAUSIBLE = {
    "brightness": (0.6, 1.25),
    "light_deg": (-60, 60),
    "yaw_deg": (-15, 15),
    "pitch_deg": (-10, 10),
    "roll_deg": (-8, 8),
    "noise": (0, 6),
}


def test_chance_draws_what_is_plausible_and_uses_the_whole_of_it() -> None:
    generator = np.random.default_rng(0)
    drawn = [asdict(Appearance.random(generator)) for _ in range(500)]
    assert drawn[0].keys() == PLAUSIBLE.keys()
    for name, (low, high) in PLAUSIBLE.items():
        values = np.array([looks[name] for looks in drawn])
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high


def test_the_same_seed_looks_the_same() -> None:
    assert Appearance.random(np.random.default_rng(5)) == Appearance.random(np.random.default_rng(5))
    assert Appearance.random(np.random.default_rng(5)) != Appearance.random(np.random.default_rng(6))


@pytest.mark.parametrize(
    ("name", "value"),
    [("brightness", 0.0), ("brightness", -1.0), ("light_deg", 270.0), ("yaw_deg", 91.0), ("pitch_deg", -91.0),
     ("roll_deg", 181.0), ("noise", -1.0), ("noise", float("nan")), ("yaw_deg", float("inf"))],
)  # fmt: skip
def test_a_mistake_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(BadInputError, match=f"{name} is {value}; it goes from"):
        Appearance(**{name: value})
