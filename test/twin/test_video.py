import itertools
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio import files
from lipsync_robot.twin import rig, video
from lipsync_robot.vision.video import VideoFileError, frames

RATE = 16_000


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second: a click after 0.5 s, and at the same moment the jaw drops."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    sound = np.zeros(RATE, np.int16)
    sound[RATE // 2 : RATE // 2 + 80] = 20_000
    opened = rig.NEUTRAL.copy()
    opened[rig.MOTORS.index("jaw")] = 1.0
    moments = np.array([100.0, 100.499, 100.501, 101.0])
    shares: list[float] = []
    video.film(path, moments, np.array([rig.NEUTRAL, rig.NEUTRAL, opened, opened]), sound, RATE, 100.0, shares.append)
    assert shares == sorted(shares)
    return path


def test_has_every_frame_and_no_leftovers(film: Path) -> None:
    pictures = list(frames(film))
    assert len(pictures) == video.FRAME_RATE
    assert pictures[1][0] == pytest.approx(1 / video.FRAME_RATE)
    assert [path.name for path in film.parent.iterdir()] == [film.name]


def test_shows_the_face_that_was_worn() -> None:
    moments, poses = np.arange(2.0), np.tile(rig.NEUTRAL, (2, 1))
    (_, canonical), (_, other) = (next(video.pictures(moments, poses, 0.0, 1.0, face)) for face in ("canonical", "other"))
    assert (canonical != other).any()


def test_the_sound_is_where_the_picture_is(film: Path) -> None:
    """Decoded by FFmpeg itself, which honours the container's edit list as a player does."""
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(film), "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    heard = np.abs(np.frombuffer(raw, np.int16).astype(float))
    click = np.flatnonzero(heard > 0.5 * heard.max())[0] / RATE
    mouth = [picture[330:420, 270:370].astype(int) for _, picture in frames(film)]
    change = [np.abs(b - a).mean() for a, b in itertools.pairwise(mouth)]
    drop = (int(np.argmax(change)) + 1) / video.FRAME_RATE
    assert click == pytest.approx(0.5, abs=0.005)
    assert drop == pytest.approx(0.5, abs=0.021)
    assert len(files.read(film)) == pytest.approx(RATE, abs=2000)


def test_a_film_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video.film(tmp_path / "film.mp4", np.arange(2.0), np.zeros((2, 11)), np.zeros(RATE, np.int16), RATE, 0.0, fail)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_video_is_named(tmp_path: Path, recording: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"no")
    with pytest.raises(VideoFileError, match="not a video"):
        next(frames(tmp_path / "no.mp4"))
    with pytest.raises(VideoFileError, match="no picture"):
        next(frames(recording))
