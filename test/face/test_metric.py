import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from lipsync_robot.face import metric
from lipsync_robot.face.landmarks import CANONICAL, DLIB, LIPS, ROBOT, robot_landmarks

SCREEN = np.column_stack(
    [0.5 + CANONICAL.vertices[:, 0] / 40, 0.5 - CANONICAL.vertices[:, 1] / 30, -CANONICAL.vertices[:, 2] / 40]
)


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@settings(max_examples=50)
@given(angle=st.floats(-1, 1), scale=st.floats(0.1, 10), shift=st.tuples(*[st.floats(-50, 50)] * 3))
def test_head_motion_leaves_no_trace(angle: float, scale: float, shift: tuple) -> None:
    face = CANONICAL.vertices + np.random.default_rng(1).normal(0, 0.1, (468, 3))
    moved = scale * face @ rotation(np.array([1, 2, 3]), angle).T + shift
    assert_allclose(metric.aligned(moved), metric.aligned(face), atol=1e-9)


def test_the_canonical_face_is_its_own_metric_face() -> None:
    assert_allclose(metric.aligned(CANONICAL.vertices), CANONICAL.vertices, atol=1e-9)


def test_a_face_on_the_screen_comes_out_in_centimetres() -> None:
    face, pose = metric.metric_face(SCREEN, 640, 480)
    assert np.abs(face - CANONICAL.vertices).mean() < 0.5
    assert_allclose(pose[3], [0, 0, 0, 1])
    assert pose[2, 3] < 0  # in front of the camera, which looks along -z


def test_a_metric_face_goes_back_to_where_it_was_on_the_screen() -> None:
    assert_allclose(metric.on_screen(metric.metric_face(SCREEN, 640, 480), 640, 480), SCREEN[:, :2], atol=1e-9)


def test_dlibs_points_go_around_the_face_as_dlib_numbers_them() -> None:
    x, y = CANONICAL.vertices[DLIB, :2].T
    assert (np.diff(x[:17]) > 0).all() and y[:17].argmin() == 8  # outline, from the right ear over the chin
    assert (np.diff(x[17:27]) > 0).all()  # brows
    assert (np.diff(y[27:31]) < 0).all() and (np.diff(x[31:36]) > 0).all()  # bridge, nostrils
    mirrored = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
                45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
                54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]  # fmt: skip
    assert_allclose(CANONICAL.vertices[DLIB], CANONICAL.vertices[DLIB][mirrored] * [-1, 1, 1], atol=0.02)  # cm


def test_a_mirror_image_is_not_aligned_by_mirroring() -> None:
    transform = metric.similarity(CANONICAL.vertices * [-1, 1, 1] + [0.1, 0, 0], CANONICAL.vertices, np.ones(468))
    assert np.linalg.det(transform[:3, :3]) > 0


def test_the_robots_points_are_113_without_depth() -> None:
    assert robot_landmarks(np.zeros((5, 468, 3))).shape == (5, 113, 2)
    assert ROBOT[:40] == LIPS
