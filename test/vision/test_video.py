"""Films as players show them: upright, and beside their sound."""

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.audio.mel import SAMPLE_RATE
from lipsync_robot.vision import video

CORNER = "color=black:size=64x32:duration=0.4:rate=25,drawbox=w=20:h=10:color=white:t=fill"  # the upper left
TO_THE_RIGHT, TO_THE_LEFT, OVER = (0, 1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1)


@pytest.fixture(scope="module")
def film(make_sound) -> Path:
    return make_sound("film.mp4", "-pix_fmt", "yuv420p", source=CORNER)


def turned(film: Path, path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The same pictures, to be shown turned, as a telephone writes it into its file's track header."""
    a, b, c, d = (65536 * each for each in matrix)
    data = bytearray(film.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("matrix", "shape", "corner"),
    [
        (TO_THE_RIGHT, (64, 32), (0, -1)),
        (TO_THE_LEFT, (64, 32), (-1, 0)),
        (OVER, (32, 64), (-1, -1)),
    ],
)
def test_a_film_that_a_telephone_took_upright_is_upright(
    film: Path, tmp_path: Path, matrix: tuple[int, int, int, int], shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    _, picture = next(video.frames(turned(film, tmp_path / "turned.mp4", matrix)))
    assert picture.shape == (*shape, 3)
    assert [at for at in ((0, 0), (0, -1), (-1, 0), (-1, -1)) if picture[at].mean() > 128] == [corner]


def test_a_film_tells_how_much_later_than_its_sound_it_begins(film: Path, make_sound, tmp_path: Path) -> None:
    assert video.after_sound_s(film) == 0.0  # it has none
    sound = make_sound("sound.wav", "-ar", str(SAMPLE_RATE))
    for late in (0.4, -0.3):
        path = tmp_path / f"{late}.mkv"
        late_film = ["-itsoffset", str(max(0.0, late)), "-i", film, "-itsoffset", str(max(0.0, -late)), "-i", sound]
        subprocess.run(["ffmpeg", "-v", "error", *late_film, "-c", "copy", path], check=True)
        assert video.after_sound_s(path) == pytest.approx(late, abs=0.002)


def test_a_film_that_breaks_off_before_its_first_picture_says_so(make_sound, tmp_path: Path) -> None:
    whole = make_sound("film.mkv", source=CORNER).read_bytes()
    header = tmp_path / "header.mkv"
    header.write_bytes(whole[: whole.index(b"\x1f\x43\xb6\x75") + 20])  # a little into the first cluster of pictures
    with pytest.raises(video.VideoFileError, match=r"header.mkv: its video track is empty. Give a film that holds pictures"):
        next(video.frames(header))


def test_moments_are_those_of_the_file_from_its_first_picture_on(film: Path) -> None:
    moments = [moment for moment, _ in video.frames(film)]
    assert moments == pytest.approx(np.arange(10) / 25)
