"""`lipsync-robot calibrate neutral`: the twin sits before the camera, and does what the terminal asks for."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from rich.console import Console

from lipsync_robot.cli import calibrate
from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import REGIONS, aperture, robot_landmarks
from lipsync_robot.face.metric import aligned
from lipsync_robot.face.profile import HumanFace
from lipsync_robot.face.reach import of_regions
from lipsync_robot.twin import rig
from lipsync_robot.twin.camera import Camera
from lipsync_robot.twin.film import write
from lipsync_robot.twin.simulation import FaceSimulation
from lipsync_robot.vision.video import frames

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
RATE = 10  # Hz

DOES = {  # what each thing asked for is to the twin's motors
    "open your mouth wide": {"jaw": 0.9, "lip_lower": 0.1},
    "smile": {"corner_raise": 1.0, "corner_stretch": 1.0},
    "pucker your lips": {"lip_protrude": 1.0, "corner_stretch": 0.0},
    "raise your brows, then frown": {"brow_inner": 1.0, "brow_outer": 1.0},
    "shut your eyes tight, then open them wide": {"lid_upper": 0.0},
}


def pose(**motors: float) -> np.ndarray:
    positions = rig.NEUTRAL.copy()
    for name, position in motors.items():
        positions[rig.MOTORS.index(name)] = position
    return positions


def obeys() -> tuple[np.ndarray, np.ndarray]:
    """-> the moments (n,) s from the first thing asked, and the twin's positions (n, 11)."""
    moments = np.arange(calibrate.ASKED[0][0], calibrate.ENDS_S, 1 / RATE)
    asked = [[says for begin, says in calibrate.ASKED if begin <= moment][-1] for moment in moments + 1e-9]
    return moments, np.array([pose(**DOES.get(says, {})) for says in asked])


def film(path: Path, positions: np.ndarray) -> Path:
    simulation = FaceSimulation()
    camera = Camera(simulation, 320, 240)

    def pictures() -> Iterator[np.ndarray]:
        for each in positions:
            simulation.place(each)
            yield camera.picture()

    write(path, pictures(), RATE, (320, 240), np.zeros(1600, np.int16), 16_000)
    camera.close()
    return path


@pytest.fixture(scope="module")
def grimaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The twin before a camera, doing what is asked."""
    return film(tmp_path_factory.mktemp("film") / "grimaces.mp4", obeys()[1])


def run(*arguments: object) -> subprocess.CompletedProcess:
    command = [COMMAND, "calibrate", "neutral", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def is_the_twins(face: HumanFace) -> None:
    """As FaceMesh sees it: of the jaw's outline it follows little more than half the way that the skin goes."""
    rest = aligned(rig.skinned(rig.NEUTRAL))
    assert np.linalg.norm(face.static - rest, axis=1).mean() < 0.5  # cm
    assert aperture(face.static) < 0.2
    faces = np.array([aligned(rig.skinned(positions)) for positions in obeys()[1]])
    exact = of_regions(robot_landmarks(faces), robot_landmarks(rest))
    for region, seen, true in zip(REGIONS, face.reach, exact, strict=True):
        assert 0.45 * true < seen < 1.4 * true, region


def test_a_person_before_a_camera_does_as_asked_and_is_known(grimaces: Path) -> None:
    begins = calibrate.ASKED[0][0]

    def camera() -> Iterator[tuple[float, np.ndarray]]:
        return ((moment + begins, picture) for moment, picture in frames(grimaces))

    console = Console(record=True, force_terminal=True, width=80)
    with console.status("starting") as status:
        seen = calibrate.watched(calibrate.asked(camera(), status))
    assert seen.pictures == pytest.approx(calibrate.ENDS_S * RATE, abs=2)
    assert seen.moments.min() >= 0
    is_the_twins(calibrate.profile(seen, seen.faces[seen.moments < calibrate.RESTED_S], seen.faces))


def test_each_thing_is_asked_for_in_its_time() -> None:
    class Status:
        said: ClassVar[list[str]] = []

        def update(self, text: str) -> None:
            self.said.append(text)

    moments = np.arange(-3.0, 12.0, 0.5)
    list(calibrate.asked(((moment, np.empty(0)) for moment in moments), Status()))
    assert Status.said[0].split("  ") == [" look straight at the camera, mouth closed", "3 s"]
    assert Status.said[list(moments).index(0.0)] == " stay so  2 s"
    assert Status.said[list(moments).index(2.0)] == " open your mouth wide  2 s"
    assert len({text.split("  ")[0] for text in Status.said}) == len(calibrate.ASKED) - 1


def test_a_video_makes_a_profile(grimaces: Path, tmp_path: Path) -> None:
    ended = run("--video", grimaces, "--output", tmp_path / "me.npz")
    assert ended.returncode == 0, ended.stderr
    assert "a face in 150 of 150 pictures" in ended.stderr
    assert "mouth at rest 0.1" in ended.stderr
    assert "reach  mouth " in ended.stderr
    assert "name it as human_face" in ended.stderr
    is_the_twins(HumanFace.load(tmp_path / "me.npz"))


def test_of_mere_speech_only_the_rest_is_kept(grimaces: Path, tmp_path: Path) -> None:
    ended = run("--video", grimaces, "--rest-only", "--output", tmp_path / "me")
    assert ended.returncode == 0, ended.stderr
    assert "not looked for" in ended.stderr
    assert np.isnan(HumanFace.load(tmp_path / "me").reach).all()  # under the very name that was given


def test_a_mouth_that_is_never_closed_is_no_rest(tmp_path: Path) -> None:
    agape = film(tmp_path / "agape.mp4", np.tile(pose(jaw=0.5), (15, 1)))
    ended = run("--video", agape, "--output", tmp_path / "me.npz")
    assert ended.returncode == 2
    assert "the mouth was never closed for long: it seems to rest 1." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "me.npz").exists()


def test_a_picture_without_a_face_is_told_from_a_face_that_comes_and_goes(make_sound, tmp_path: Path) -> None:
    grey = make_sound("grey.mp4", source="color=gray:size=320x240:duration=1:rate=10")
    ended = run("--video", grey, "--output", tmp_path / "me.npz")
    assert ended.returncode == 2
    assert "no face was seen in 10 pictures" in ended.stderr
    face = np.repeat(aligned(rig.skinned(rig.NEUTRAL))[None], 30, axis=0)
    with pytest.raises(BadInputError, match=r"10 of 40 pictures show no face. Keep it in the picture"):
        calibrate.profile(calibrate.Seen(40, np.arange(30) / RATE, face), face, None)
    with pytest.raises(BadInputError, match=r"seen at rest in 4 pictures only: 10 are needed"):
        calibrate.profile(calibrate.Seen(30, np.arange(30) / RATE, face), face[:4], None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name one thing to look at: --camera 0, or --video FILE"),
        (["--camera", "0", "--video", "me.mp4"], "name one thing to look at"),
        (["--camera", "61"], "/dev/video61: there is no such camera or file"),
        (["--video", "nowhere.mp4"], "nowhere.mp4: not a video that FFmpeg can read"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], says: str, tmp_path: Path) -> None:
    ended = run(*arguments, "--output", tmp_path / "me.npz")
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
