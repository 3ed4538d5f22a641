"""A camera, of which this machine may have none: a video file takes its place."""

from pathlib import Path

import numpy as np
import pytest

from lipsync_robot.vision.camera import Camera, CameraError


@pytest.fixture(scope="module")
def film(make_sound) -> Path:
    """Ten pictures of 64 by 48 pixels, red above and blue below."""
    red_above = "color=red:size=64x24:duration=1:rate=10[a];color=blue:size=64x24:duration=1:rate=10[b];[a][b]vstack"
    return make_sound("film.mp4", "-pix_fmt", "yuv444p", source=red_above)


def test_pictures_come_in_the_order_of_their_colours_and_rows(film: Path) -> None:
    with Camera(film) as camera:
        picture = camera.picture()
    assert picture.shape == (48, 64, 3)
    assert picture.dtype == np.uint8
    above, below = picture[12].mean(0), picture[36].mean(0)
    assert above[0] > 200 > 60 > above[2]
    assert below[2] > 200 > 60 > below[0]


def test_a_camera_that_falls_silent_says_so(film: Path) -> None:
    with Camera(str(film)) as camera:
        for _ in range(10):
            camera.picture()
        with pytest.raises(CameraError, match=r"film.mp4: gives no picture any more. Was the camera unplugged"):
            camera.picture()


@pytest.mark.parametrize("source", [61, "61", "/dev/video61"])
def test_a_camera_that_is_not_there_is_named_by_its_device(source: int | str) -> None:
    with pytest.raises(CameraError, match=r"/dev/video61: there is no such camera or file \(cameras: .*Plug it in"):
        Camera(source)


def test_what_is_no_video_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / "text.mp4").write_text("no pictures")
    with pytest.raises(CameraError, match=r"text.mp4: cannot be opened: it is no video that FFmpeg can read"):
        Camera(tmp_path / "text.mp4")
    assert "WARN" not in capfd.readouterr().err
