"""Recordings to shards: what is kept, what is dropped and why, and that no interruption shows in the end."""

import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from PIL import Image

from lipsync_robot.audio.mel import SAMPLE_RATE, LogMel
from lipsync_robot.errors import BadInputError
from lipsync_robot.face.landmarks import CANONICAL, aperture
from lipsync_robot.learning import cleaning, clips, extraction, prepare, shards
from lipsync_robot.learning import corpus as corpora
from lipsync_robot.resources import resource
from lipsync_robot.speech.audio2landmark import Audio2Landmark

LIMITS = cleaning.Limits()


def laid_out(root: Path, film: Path, *names: str) -> Path:
    """A corpus of one film under several names."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(film, root / name)
    return root


@pytest.fixture
def film(corpus: Path) -> Path:
    """Two seconds of the twin, with sound."""
    return corpus / "video/a/one.mp4"


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """edit(film, filter) -> the film with FFmpeg's filter over its picture, and its sound."""

    def edited(film: Path, video_filter: str) -> Path:
        path = tmp_path_factory.mktemp("edited") / "edited.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-i", film, "-vf", video_filter, "-c:a", "copy", path], check=True)
        return path

    return edited


def one(film: Path) -> tuple[shards.Entry, shards.Clip | None]:
    recording = corpora.Recording(film.stem, film.suffix, "a")
    return extraction.extract(recording, corpora.layout(film.parent), LIMITS)


def everything_in(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in output.iterdir()}


# What a folder holds


def test_layouts_are_found_by_themselves(tmp_path: Path, film: Path) -> None:
    voxceleb = laid_out(tmp_path / "voxceleb", film, "mp4/id1/abc/00001.mp4", "mp4/id1/abc/00002.mp4", "aac/id1/abc/00001.m4a")
    plain = laid_out(tmp_path / "plain", film, "solo.mp4", "ann/talk.v2.mov")
    found = corpora.recordings(voxceleb)
    assert [(recording.name, recording.person) for recording in found] == [("id1/abc/00001", "id1"), ("id1/abc/00002", "id1")]
    assert corpora.layout(voxceleb).sound(found[0].name) == voxceleb / "aac/id1/abc/00001.m4a"
    assert corpora.layout(voxceleb).sound(found[1].name) == voxceleb / "mp4/id1/abc/00002.mp4"  # its own
    assert [(name, person) for name, _, person in corpora.recordings(plain)] == [("ann/talk.v2", "ann"), ("solo", "solo")]


def test_people_are_those_of_the_table(tmp_path: Path, film: Path) -> None:
    root = laid_out(tmp_path, film, "video/x.mp4", "video/y.mp4")
    (root / "clips.tsv").write_text("clip\tperson\tsplit\tpicture_leads_ms\nx\tann\tdev\t-40\n")
    assert [recording.person for recording in corpora.recordings(root)] == ["ann", "y"]
    columns = {"clip": "x", "person": "ann", "split": "dev", "picture_leads_ms": "-40"}
    assert corpora.table(root) == {"x": corpora.Row("ann", "dev", -0.04, columns)}
    (root / "clips.tsv").write_text("clip\tperson\tsplit\tpicture_leads_ms\nx\tann\tdev\t12,5\n")
    with pytest.raises(BadInputError, match=r"clips.tsv: line 2: picture_leads_ms is no number"):
        corpora.table(root)
    (root / "clips.tsv").write_text("clip\tsplit\nx\tdev\n")
    with pytest.raises(BadInputError, match="has no column 'person'"):
        corpora.table(root)


def test_one_person_in_a_hundred_is_kept_for_tuning_and_one_for_reporting() -> None:
    assert corpora.split_in(None, "any", "id00001") == corpora.split_of("id00001")
    splits = [corpora.split_of(f"id{i:05d}") for i in range(6000)]
    assert splits.count("val") == pytest.approx(60, abs=25)
    assert splits.count("test") == pytest.approx(60, abs=25)
    assert corpora.split_of("id00012") == corpora.split_of("id00012")


# What is good enough


def turned(degrees: np.ndarray) -> np.ndarray:
    """(n,) angles to the left -> (n, 4, 4) poses of a head twice its size, forty centimetres away."""
    poses = np.tile(np.diag([2.0, 2.0, 2.0, 1.0]), (len(degrees), 1, 1))
    sine, cosine = 2 * np.sin(np.radians(degrees)), 2 * np.cos(np.radians(degrees))
    poses[:, 0, 0], poses[:, 0, 2], poses[:, 2, 0], poses[:, 2, 2] = cosine, sine, -sine, cosine
    poses[:, 2, 3] = -40
    return poses


def test_a_head_that_shakes_does_not_cancel_out() -> None:
    shaking = turned(np.tile([-10.0, 10.0], 25))
    assert cleaning.centerness(shaking) == pytest.approx(10)
    assert cleaning.shakiness(shaking, 25.0) == pytest.approx(20)
    still = turned(np.full(50, 35.0))
    assert cleaning.centerness(still) == pytest.approx(35)
    assert cleaning.shakiness(still, 25.0) == pytest.approx(0, abs=1e-5)


def test_shakiness_is_the_same_at_any_frame_rate() -> None:
    slow, fast = turned(np.linspace(0, 30, 26)), turned(np.linspace(0, 30, 51))
    assert cleaning.shakiness(slow, 25.0) == pytest.approx(cleaning.shakiness(fast, 50.0))


def test_the_longest_stretch_is_kept() -> None:
    assert cleaning.longest_stretch(np.array([0, 1, 1, 0, 1, 1, 1, 0], bool)) == slice(4, 7)
    assert cleaning.longest_stretch(np.zeros(3, bool)) == slice(0, 0)


def test_the_limits_are_drawn(tmp_path: Path) -> None:
    cleaning.picture([5.0, 12.0, 80.0], [0.3, 0.5], LIMITS, tmp_path / "cleaning.png")
    with Image.open(tmp_path / "cleaning.png") as image:
        assert (220, 30, 30) in [colour for _, colour in image.getcolors(1 << 16)]


# What becomes of a clip


def test_a_prepared_clip_shows_the_mouth_that_was_filmed(corpus: Path, prepared: Path) -> None:
    clip = clips.load_split(corpus, prepared, "train")[0]
    assert (clip.name, clip.person) == ("a/one", "a")
    assert clip.mel.shape == (len(clip.displacement), 80)
    assert len(clip.mel) == pytest.approx(100, abs=2)
    opening = aperture(clip.neutral + clip.displacement)
    level = 10 ** (clip.mel.mean(axis=1) / 40)
    assert np.corrcoef(opening, level)[0, 1] > 0.6
    assert opening.max() > 0.8


def test_all_clips_are_shifted_as_their_table_says_whatever_their_split(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "clips.tsv").write_text("clip\tperson\tsplit\tpicture_leads_ms\na/one\ta\ttest\t80\n")
    leads = {place.name: place.picture_leads_s for place in clips.load_all(prepared, tmp_path).places}
    assert leads == {"a/one": 0.08, "a/two": 0.0, "b/one": 0.0, "b/two": 0.0}


def test_frames_before_the_face_are_cut_off_with_their_sound(film: Path, edit) -> None:
    whole, clip = one(film)
    late, shorter = one(edit(film, "drawbox=t=fill:color=gray:enable='lt(t,0.5)'"))
    assert clip is not None and shorter is not None
    assert whole.start_s == 0
    assert late.start_s == pytest.approx(0.5, abs=0.051)
    assert whole.frames - late.frames == round(late.start_s * late.frame_rate)
    hops = round(late.start_s * 50)
    assert np.abs(shorter.mel[1:] - clip.mel[hops + 1 :][: len(shorter.mel) - 1]).max() < 0.5  # dB


def test_what_a_decoder_trips_over_costs_no_other_clip(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trips(path: Path) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    monkeypatch.setattr(extraction, "_follow", trips)
    entry, clip = one(film)
    assert clip is None
    assert entry.dropped.startswith("unreadable: UnicodeDecodeError")


def test_as_many_clips_are_remembered_as_fit_into_an_hour() -> None:
    read: list[str] = []
    load = clips.remembered(lambda place: read.append(place.name))
    long = [clips.Place(Path(), "", 0, 0, name, "a", clips.REMEMBERED // 2) for name in "xyz"]
    for place in (long[0], long[1], long[0], long[2], long[0], long[1]):
        load(place)
    assert "".join(read) == "xyzy"  # when z came, y was the one that had not been asked for as long


def test_pictures_at_a_varying_rate_stay_at_their_moments(film: Path, tmp_path: Path) -> None:
    fewer = ["-vf", "select='lt(t,1)+not(mod(n,2))'"]  # in its second half
    subprocess.run(["ffmpeg", "-v", "error", "-i", film, *fewer, "-c:a", "copy", tmp_path / "varying.mkv"], check=True)
    _, whole = one(film)
    _, varying = one(tmp_path / "varying.mkv")
    assert whole is not None and varying is not None
    assert len(varying.landmarks) < 0.9 * len(whole.landmarks)
    shown, same = (
        np.interp(np.arange(0, 1.8, 0.02), np.arange(len(clip.landmarks)) / clip.frame_rate, aperture(clip.landmarks))
        for clip in (whole, varying)
    )
    assert np.corrcoef(shown, same)[0, 1] > 0.95


def test_a_film_that_begins_after_its_own_sound_keeps_to_it(film: Path, tmp_path: Path) -> None:
    _, clip = one(film)
    late = ["-itsoffset", "0.4", "-i", film, "-i", film, "-map", "0:v", "-map", "1:a"]
    subprocess.run(["ffmpeg", "-v", "error", *late, "-c", "copy", tmp_path / "late.mkv"], check=True)
    _, heard = one(tmp_path / "late.mkv")
    assert clip is not None and heard is not None
    assert np.abs(heard.mel[2:70] - clip.mel[22:90]).mean() < 0.5  # dB


def test_where_the_face_vanishes_the_longest_stretch_is_kept(film: Path, edit) -> None:
    entry, clip = one(edit(film, "drawbox=t=fill:color=gray:enable='between(t,0.3,0.6)'"))
    assert clip is not None
    assert 0.6 <= entry.start_s < 0.85
    entry, clip = one(edit(film, "drawbox=t=fill:color=gray:enable='between(t,0.9,1.2)'"))
    assert clip is None
    assert entry.dropped == "a face for less than 1 s"


@pytest.mark.parametrize(
    ("video_filter", "reason"),
    [
        ("split,hstack", "more than one face"),
        ("drawbox=t=fill:color=gray", "no face"),
        ("trim=end=0.5", "a face for less than 1 s"),
    ],
)
def test_what_cannot_be_used_is_dropped_with_the_reason(film: Path, edit, video_filter: str, reason: str) -> None:
    entry, clip = one(edit(film, video_filter))
    assert clip is None
    assert entry.dropped == reason


def test_faces_beyond_the_limits_are_dropped(film: Path) -> None:
    recording, layout = corpora.Recording(film.stem, film.suffix, "a"), corpora.layout(film.parent)
    for limits, reason in ((cleaning.Limits(0, 2), "turned away"), (cleaning.Limits(30, 0), "head moves too much")):
        entry, clip = extraction.extract(recording, layout, limits)
        assert clip is None
        assert entry.dropped == reason
        assert 0 < entry.centerness_deg < 20
        assert 0 < entry.shakiness_deg < 2


def test_a_file_that_is_cut_off_is_dropped_with_the_reason(tmp_path: Path, film: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(film.read_bytes()[:1000])
    entry, clip = one(tmp_path / "cut.mp4")
    assert clip is None
    assert "unreadable" in entry.dropped and "cut.mp4" in entry.dropped


@pytest.mark.parametrize("late_s", [0.0, 0.08])
def test_the_offset_of_picture_and_sound_is_estimated(speech: np.ndarray, late_s: float) -> None:
    """The mouth that the model itself shows, with the sound late."""
    mel = LogMel()(speech[: 6 * SAMPLE_RATE])
    model = Audio2Landmark(resource("models/apc.onnx"), resource("models/audio2landmark.onnx"), CANONICAL.vertices)
    faces = CANONICAL.vertices + model.displacements(mel)[model.lookahead :]
    sound = np.concatenate([np.full((round(late_s * 50), 80), -100, np.float32), mel])
    lead = extraction.picture_lead(shards.Clip(faces.astype(np.float32), 50.0, sound))
    assert lead.seconds == pytest.approx(late_s, abs=0.01)
    assert lead.correlation > 0.9


# Shards


def test_a_shard_is_rounded_by_less_than_the_landmarks_jitter(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    landmarks = (CANONICAL.vertices + generator.uniform(-4, 4, (30, 468, 3))).astype(np.float32)
    mel = generator.uniform(-100, 20, (60, 80)).astype(np.float32)
    long = "id/" + "x" * 150
    shards.write(tmp_path, 0, [(shards.Entry(name, "id"), shards.Clip(landmarks, 29.97, mel)) for name in ("id/one", long)])
    shards.finish(tmp_path, [shards.Entry("two", "id", dropped="no face")])
    dropped, first, second = shards.entries(tmp_path)
    assert dropped.dropped == "no face"
    for entry in (first, second):
        clip = shards.read(tmp_path, entry.shard, entry.offset, entry.size)
        assert np.abs(clip.landmarks - landmarks).max() < 0.001  # cm
        assert np.abs(clip.mel - mel).max() < 0.032  # dB
        assert clip.frame_rate == 29.97
    with tarfile.open(tmp_path / "shard-00000.tar") as tar:
        assert tar.getnames() == ["id/one.npz", f"{long}.npz"]


def test_a_corpus_without_a_table_is_split_by_person(tmp_path: Path) -> None:
    people = [f"id{i:05d}" for i in range(300)]
    kept = (shards.Entry(f"{person}/1", person, "shard-00000", frames=50, frame_rate=25.0) for person in people)
    shards.finish(tmp_path, kept)
    parts = {split: clips.load_split(tmp_path, tmp_path, split) for split in ("train", "val", "test")}
    assert sum(map(len, parts.values())) == 300
    for split, part in parts.items():
        assert {corpora.split_of(place.person) for place in part.places} == {split}


def test_clips_are_read_when_asked_for_and_remembered(corpus: Path, prepared: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(prepared, tmp_path / "prepared")
    data = clips.load_split(corpus, copied, "train") + clips.load_split(corpus, copied, "val")
    assert [clip.name for clip in data] == ["a/one", "a/two", "b/one", "b/two"]
    shutil.rmtree(copied)
    assert len(data[1].mel) == pytest.approx(100, abs=2)
    assert [place.name for place in data.sample(2).places] == ["a/one", "b/one"]
    assert len(data.sample(100)) == 4
    with pytest.raises(BadInputError, match=r"holds no index.tsv. Run: lipsync-robot data prepare"):
        clips.load_split(corpus, copied, "train")
    with pytest.raises(BadInputError, match="no such folder"):
        clips.load_split(tmp_path / "nowhere", prepared, "train")


# The whole of it


def test_what_is_prepared_is_not_prepared_again(corpus: Path, prepared: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.glob("shard-*")}
    summary = prepare.prepare(corpus, prepared, prepare.Choice(shard_size=2), workers=1)
    assert {path: path.stat().st_mtime_ns for path in prepared.glob("shard-*")} == before
    assert summary.kept == 4
    assert summary.hours == pytest.approx(8 / 3600, rel=0.05)
    with pytest.raises(BadInputError, match="was begun with shard_size 2, now it is 3"):
        prepare.prepare(corpus, prepared, prepare.Choice(shard_size=3), workers=1)
    with pytest.raises(BadInputError, match=r"was begun with clips 4 \(names [0-9a-f]+\), now it is 2"):
        prepare.prepare(corpus / "video/a", prepared, prepare.Choice(shard_size=2), workers=1)


COMMAND = str(Path(sys.prefix) / "bin/lipsync-robot")


@contextmanager
def command_at_work(folder: Path, output: Path, *options: str) -> Iterator[subprocess.Popen]:
    """The command itself, from the moment at which it has begun a shard."""
    command = [COMMAND, "data", "prepare", str(folder), "--output", str(output), "--shard-size", "2", *options]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        deadline = time.monotonic() + 60
        while not list(output.glob("shard-*.partial")):
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield running


def test_workers_that_are_killed_leave_no_trace(corpus: Path, prepared: Path, tmp_path: Path) -> None:
    """Two worker processes of a cluster, killed while at work: their nannies start new ones."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        workers = client.run(os.getpid)
        with command_at_work(corpus, tmp_path, "--scheduler", cluster.scheduler_address) as running:
            for pid in workers.values():
                os.kill(pid, signal.SIGKILL)
            _, said = running.communicate(timeout=120)
        assert running.returncode == 0, said
    assert "kept    4 clips" in said
    assert everything_in(tmp_path) == everything_in(prepared)


def test_a_shard_that_fails_keeps_no_other_from_use_and_is_made_once_it_can_be(
    corpus: Path, prepared: Path, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "output/shard-00000.tar"
    in_the_way.mkdir(parents=True)
    choice = prepare.Choice(shard_size=1)
    with pytest.raises(BadInputError, match="1 of the workers' tasks failed"):
        prepare.prepare(corpus, tmp_path / "output", choice, workers=1)
    names = [entry.name for entry in shards.entries(prepared)]
    assert [entry.name for entry in shards.entries(tmp_path / "output")] == names[1:]
    in_the_way.rmdir()
    prepare.prepare(corpus, tmp_path / "output", choice, workers=1)
    assert [entry.name for entry in shards.entries(tmp_path / "output")] == names


def test_a_command_that_is_killed_and_repeated_leaves_no_trace(corpus: Path, prepared: Path, tmp_path: Path) -> None:
    with command_at_work(corpus, tmp_path, "--workers", "1") as running:
        running.kill()
    assert not (tmp_path / "index.tsv").exists()
    assert list(tmp_path.glob("*.partial"))
    again = subprocess.run([COMMAND, "data", "prepare", corpus, "--output", tmp_path, "--shard-size", "2", "--workers", "1"],
                           capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert everything_in(tmp_path) == everything_in(prepared)


def test_ctrl_c_which_a_terminal_tells_to_all_processes_ends_them_without_a_traceback(corpus: Path, tmp_path: Path) -> None:
    with command_at_work(corpus, tmp_path, "--workers", "1") as running:
        os.killpg(running.pid, signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in said and "WARNING" not in said


def test_the_clips_of_highest_bit_rate_are_chosen(film: Path, edit, tmp_path: Path) -> None:
    root = laid_out(tmp_path / "films", film, "good.mp4", "also.mp4")
    laid_out(root, edit(film, "scale=64:48"), "coarse.mp4")
    summary = prepare.prepare(root, tmp_path / "out", prepare.Choice(top=2), workers=1)
    assert summary.dropped == {"not among the 2 of highest bit rate": 1}
    entries = {entry.name: entry for entry in shards.entries(tmp_path / "out")}
    assert entries["coarse"].bitrate_kbps < entries["good"].bitrate_kbps == entries["also"].bitrate_kbps
    assert [name for name, entry in entries.items() if not entry.dropped] == ["also", "good"]


def test_a_scheduler_that_is_not_there_is_one_sentence(film: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no Dask scheduler answers there"):
        prepare.prepare(film.parent, tmp_path, prepare.Choice(), workers=1, scheduler="tcp://127.0.0.1:9")
