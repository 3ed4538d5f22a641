from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import CANONICAL, REGIONS, ROBOT, aperture
from lipsync_robot.face.profile import GONE_S, MOST_NOTED, UNKNOWN, HumanFace, Stranger, closed_mouth
from lipsync_robot.resources import resource

REST = CANONICAL.vertices
LOWER_LIP = [14, 17, 84, 87, 314, 317]
BROWS = ROBOT[REGIONS["brows"]]


@pytest.fixture
def speaking() -> np.ndarray:
    """Four seconds at 25 Hz: closed lips for a third of the time, else open by up to 1.5 cm; jitter as FaceMesh's."""
    random = np.random.default_rng(0)
    faces = REST + random.normal(0, 0.02, (100, 468, 3))
    faces[:, LOWER_LIP, 1] -= np.clip(random.uniform(-0.75, 1.5, 100), 0, None)[:, None]
    return faces


def test_a_face_at_rest_is_the_one_with_its_mouth_closed(speaking: np.ndarray) -> None:
    assert aperture(closed_mouth(speaking)) == pytest.approx(aperture(REST), abs=0.02)
    assert_allclose(HumanFace.observed(speaking).static, REST, atol=0.04)


def test_of_mere_speech_no_reach_is_learned(speaking: np.ndarray) -> None:
    assert np.isnan(HumanFace.observed(speaking).reach).all()


def test_reach_is_how_far_a_grimace_goes_from_rest(speaking: np.ndarray) -> None:
    grimaces = np.repeat(REST[None], 50, axis=0)
    grimaces[20:40, BROWS, 1] += 0.7
    reach = dict(zip(REGIONS, HumanFace.observed(speaking, grimaces).reach, strict=True))
    assert reach["brows"] == pytest.approx(0.7, abs=0.05)
    assert reach["jaw"] < 0.05


def test_a_saved_person_is_the_same_person(speaking: np.ndarray, tmp_path: Path) -> None:
    person = HumanFace.observed(speaking, speaking)
    person.save(tmp_path / "new" / "me.npz")
    loaded = HumanFace.load(tmp_path / "new" / "me.npz")
    assert_allclose(loaded.static, person.static, atol=1e-5)
    assert_allclose(loaded.reach, person.reach, atol=1e-5)


def test_the_person_that_ships_is_a_mean_of_whom_no_reach_is_known() -> None:
    person = HumanFace.load(resource("models/human_face.npz"))
    assert aperture(person.static) < 0.4
    assert np.isnan(person.reach).all()


@pytest.mark.parametrize(
    ("holds", "says"),
    [
        ({"static": np.zeros((478, 3)), "reach": UNKNOWN}, r"its face at rest is \(478, 3\), not 468 finite points"),
        ({"static": np.full((468, 3), np.nan), "reach": UNKNOWN}, "not 468 finite points"),
        ({"static": REST, "reach": np.zeros(3)}, "the reach of 3 regions, not of mouth, eyes, brows, jaw"),
        ({"static": REST}, "holds no reach: .*lipsync-robot calibrate neutral --output"),
    ],
)
def test_what_is_no_person_is_refused(holds: dict[str, np.ndarray], says: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "face.npz", **holds)
    with pytest.raises(BadInputError, match=says):
        HumanFace.load(tmp_path / "face.npz")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "face.npy", REST)
    (tmp_path / "text.npz").write_text("no numbers")
    (tmp_path / "empty.npz").touch()
    for name in ("face.npy", "text.npz", "empty.npz", "nothing.npz"):
        with pytest.raises(BadInputError, match=f"{name}: .*lipsync-robot calibrate neutral"):
            HumanFace.load(tmp_path / name)


def test_a_stranger_who_is_met_with_an_open_mouth_is_soon_known_at_rest(speaking: np.ndarray) -> None:
    stranger = Stranger()
    begin = speaking[np.argsort(-aperture(speaking), kind="stable")]  # widest first
    first = stranger(begin[0], 0.0)
    assert aperture(first.static) > 1.0
    for k in range(1, 8 * len(begin)):
        known = stranger(begin[k % len(begin)], k / 25)
    assert aperture(known.static) == pytest.approx(aperture(REST), abs=0.05)
    assert np.isnan(known.reach).all()


def test_what_is_known_of_a_stranger_never_jumps(speaking: np.ndarray) -> None:
    stranger, last = Stranger(), None
    for k, face in enumerate(speaking):
        known = stranger(face, k / 25).static
        if last is not None:
            assert np.linalg.norm(known - last, axis=1).max() < 0.1  # cm in 40 ms
        last = known


def test_of_a_face_that_is_none_nothing_is_learned(speaking: np.ndarray) -> None:
    stranger, undisturbed = Stranger(), Stranger()
    nowhere = np.full((468, 3), np.nan)
    assert np.isnan(stranger(nowhere, 0.0).static).all()
    for k, face in enumerate(speaking):
        stranger(nowhere if k % 2 else np.where(np.arange(468)[:, None] == 14, np.nan, face), k / 25)
        known = stranger(face, k / 25).static
        assert_allclose(known, undisturbed(face, k / 25).static)


def test_after_an_absence_it_is_somebody_else(speaking: np.ndarray) -> None:
    stranger = Stranger()
    for k in range(50):
        stranger(speaking[k], k / 25)
    other = speaking[50] * 1.1
    assert_allclose(stranger(other, 2.0 + GONE_S).static, other, atol=1e-5)


def test_a_stranger_is_still_known_after_more_faces_than_are_kept(speaking: np.ndarray) -> None:
    stranger = Stranger()
    for k in range(4 * MOST_NOTED):
        known = stranger(speaking[k % len(speaking)], 1.9 * k)
    assert aperture(known.static) == pytest.approx(aperture(REST), abs=0.05)
