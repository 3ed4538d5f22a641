"""`lipsync-robot study`: films that do not tell whose they are, a page that a real browser votes on, votes that are counted."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from cli.browser import CHROMIUM, Browser
from scipy.stats import binomtest

from lipsync_robot.audio import files
from lipsync_robot.cli.votes import Key, Pair, sign_test, wilson
from lipsync_robot.vision import video

COMMAND = str(Path(sys.prefix) / "bin" / "lipsync-robot")
NAMES = ("anna-smiles", "ben-speaks", "carla-yawns")
SAY_WHOSE = ("-metadata", "title=mimic", "-metadata:s", "handler_name=mimic", "-metadata", "creation_time=2020-02-02T02:02:02")


def study(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, "study", *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False)


def film(path: Path, *options: str, size: str = "64x48", sound: bool = True) -> Path:
    """0.4 s of FFmpeg's test picture and a tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = ("-f", "lavfi", "-i", "sine=duration=0.4") if sound else ()
    picture = ("-f", "lavfi", "-i", f"testsrc=size={size}:rate=25:duration=0.4")
    command = ["ffmpeg", "-v", "error", *picture, *tone, "-pix_fmt", "yuv420p", *options, str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders of the same three films; those of `mimic` say so. One more is only in `coexpress`."""
    root = tmp_path_factory.mktemp("films")
    for name in NAMES:
        film(root / "mimic" / f"{name}.mp4", *SAY_WHOSE)
        film(root / "coexpress" / f"{name}.mp4", "-vf", "hue=h=90")
    film(root / "coexpress" / "dora-alone.mp4")
    return root / "mimic", root / "coexpress"


@pytest.fixture(scope="module")
def made(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Key]]:
    page = tmp_path_factory.mktemp("study") / "page"
    ended = study("make", "--a", folders[0], "--b", folders[1], "--output", page, "--control", "1", "--title", "Äh </script>")
    assert ended.returncode == 0, ended.stderr
    assert "3 pairs, 1 of them shown twice" in ended.stderr
    assert "coexpress has them: dora-alone" in ended.stderr
    assert sorted(path.name for path in page.parent.iterdir()) == ["page", "page.key.json"]
    yield page, Key.load(page.with_name("page.key.json"))


def shown(page: Path) -> dict:
    return json.loads((page / "index.html").read_text().split('id="study">')[1].split("</script>")[0])


def test_films_of_one_name_are_a_pair(made: tuple[Path, Key]) -> None:
    page, key = made
    assert [pair.name for pair in key.pairs] == list(NAMES)
    assert shown(page)["title"] == "Äh </script>"
    assert {frozenset(pair) for pair in shown(page)["pairs"]} == {frozenset((pair.a, pair.b)) for pair in key.pairs}
    names = {film for pair in key.pairs for film in (pair.a, pair.b)}
    assert {path.stem for path in (page / "videos").iterdir()} == names
    assert len(names) == 2 * len(NAMES)


def test_nothing_that_is_published_tells_whose_a_film_is(made: tuple[Path, Key], folders: tuple[Path, Path]) -> None:
    page, _ = made
    telling = [word.encode() for word in ("mimic", "coexpress", *NAMES)]
    assert telling[0] in (folders[0] / f"{NAMES[0]}.mp4").read_bytes()
    for path in filter(Path.is_file, page.rglob("*")):
        assert not [word for word in telling if word in path.read_bytes()]
    pairs = shown(page)["pairs"]
    assert pairs == sorted(sorted(pair) for pair in pairs)  # by random names: neither by A and B nor by the films' own
    written = sorted((page / "videos").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert written == sorted(written)


def test_the_page_asks_no_other_place(made: tuple[Path, Key]) -> None:
    text = (made[0] / "index.html").read_text()
    assert not [word for word in ("http:", "https:", "//cdn", "src=", "@import", "fetch(", "XMLHttp") if word in text]


def test_pictures_and_sound_are_as_they_were(made: tuple[Path, Key], folders: tuple[Path, Path]) -> None:
    page, key = made
    for pair in key.pairs:
        for source, copy in ((folders[0], pair.a), (folders[1], pair.b)):
            before, after = source / f"{pair.name}.mp4", page / "videos" / f"{copy}.mp4"
            for (at, picture), (at_too, same) in zip(video.frames(before), video.frames(after), strict=True):
                assert at == pytest.approx(at_too)
                assert (picture == same).all()
            assert np.array_equal(files.read(before), files.read(after))


def test_a_study_that_people_may_have_voted_on_is_not_overwritten(made: tuple[Path, Key], folders: tuple[Path, Path]) -> None:
    before = (made[0] / "index.html").read_bytes()
    ended = study("make", "--a", folders[0], "--b", folders[1], "--output", made[0])
    assert ended.returncode == 2
    assert "is there already, and votes may belong to it" in ended.stderr
    assert (made[0] / "index.html").read_bytes() == before


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [
        (None, None, "nowhere: no such folder."),
        ({}, {"size": "96x48"}, "64x48 with sound but 96x48 with sound is"),
        ({}, {"sound": False}, "64x48 with sound but 64x48 without sound is"),
        ({"options": ("-c:v", "mpeg4")}, {}, "not every browser plays mpeg4, yuv420p, aac. Re-encode it: ffmpeg -i"),
        ({"name": "other.mp4"}, {}, "no MP4 of the one has its like in the other"),
    ],
)
def test_films_that_make_no_pair_are_one_sentence(tmp_path: Path, a: dict | None, b: dict | None, says: str) -> None:
    for folder, given in (("a", a), ("b", b)):
        if given is not None:
            film(
                tmp_path / folder / given.get("name", "one.mp4"), *given.get("options", ()),
                size=given.get("size", "64x48"), sound=given.get("sound", True),
            )  # fmt: skip
    given_a = tmp_path / ("a" if a is not None else "nowhere")
    ended = study("make", "--a", given_a, "--b", tmp_path / "b", "--output", tmp_path / "page")
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("*page*"))


KEY = Key("", "57d1", "Which?", "mimic", "coexpress", [Pair("p", "p1", "p2"), Pair("q", "q1", "q2")])


def vote(left: str, right: str, choice: str) -> dict:
    return {"left": left, "right": right, "choice": choice, "seconds": 3}


def person(name: str, *votes: dict, asked: int = 3) -> dict:
    return {"participant": name, "begun": "2026-01-01T12:00:00Z", "asked": asked, "votes": list(votes)}


STEADY = person("steady", vote("p1", "p2", "left"), vote("q2", "q1", "right"), vote("p2", "p1", "right"))  # A, A, again A
LEFTIST = person("leftist", vote("p2", "p1", "left"), vote("q1", "q2", "left"), vote("p1", "p2", "left"))  # B, A, not again B
UNDECIDED = person("undecided", vote("q1", "q2", "none"))  # and gone


@pytest.fixture
def counted(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """counted([a person, another], [one in a second file], study="57d1") -> the command, ended."""
    KEY.save(tmp_path / "study.key.json")

    def run(*people: list[dict], study_of_votes: str = KEY.study, options: tuple = ()) -> subprocess.CompletedProcess:
        paths = [tmp_path / f"votes-{i}.json" for i in range(len(people))]
        for path, each in zip(paths, people, strict=True):
            path.write_text(json.dumps({"study": study_of_votes, "people": each}))
        return study("count", *paths, "--key", tmp_path / "study.key.json", *options)

    return run


def test_votes_are_counted(counted: Callable[..., subprocess.CompletedProcess]) -> None:
    ended = counted([STEADY, person("gone at once")], [LEFTIST, UNDECIDED], options=("--json",))
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)  # and nothing else is on that channel
    assert (figures["participants"], figures["unfinished"]) == (3, 1)
    overall = figures["overall"]
    assert (overall["a"], overall["b"], overall["none"], overall["share_a"], overall["p"]) == (3, 1, 1, 0.75, 0.625)
    assert overall["share_a_interval"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    assert [figures["people"][choice] for choice in ("a", "b", "none")] == [1, 0, 2]  # the leftist chose each once
    assert [figures["pairs"][name][choice] for name in "pq" for choice in ("a", "b", "none")] == [1, 1, 0, 2, 0, 1]
    assert figures["repeats"] == {"shown": 2, "alike": 1}
    assert (figures["sides"]["left"], figures["sides"]["right"]) == (3, 1)


def test_who_downloads_twice_counts_once(counted: Callable[..., subprocess.CompletedProcess]) -> None:
    early = person("steady", *STEADY["votes"][:1])
    for files_of_both in (([early], [STEADY]), ([STEADY], [early]), ([STEADY], [STEADY])):
        figures = json.loads(counted(*files_of_both, options=("--json",)).stdout)
        assert (figures["participants"], figures["overall"]["a"], figures["repeats"]["shown"]) == (1, 2, 1)


def test_people_read_a_table(counted: Callable[..., subprocess.CompletedProcess]) -> None:
    ended = counted([STEADY], [LEFTIST, UNDECIDED])
    assert ended.returncode == 0, ended.stderr
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert ["all", "votes", "3", "1", "1", "0.750", "0.301…0.954", "0.62"] in rows
    assert "A mimic   B coexpress" in ended.stdout
    assert "answered alike when shown again, sides swapped: 1 of 2" in ended.stdout


def test_no_votes_are_no_figures(counted: Callable[..., subprocess.CompletedProcess]) -> None:
    figures = json.loads(counted([], options=("--json",)).stdout)
    assert figures["participants"] == 0
    assert figures["overall"] == {"a": 0, "b": 0, "none": 0, "share_a": None, "share_a_interval": None, "p": 1.0}
    assert counted([]).returncode == 0


@pytest.mark.parametrize(
    ("people", "study_of_votes", "says"),
    [
        ([[STEADY]], "0ther", "of study '0ther', but the key is of '57d1'"),
        ([[person("x", vote("p1", "q1", "left"))]], "57d1", "'x': films p1 and q1 are no pair of this study"),
        ([[person("x", vote("p1", "zz", "left"))]], "57d1", "'x': films p1 and zz are no pair of this study"),
        ([[person("x", vote("p1", "p2", "up"))]], "57d1", "choice: 'up' is not one of 'left', 'right', 'none'"),
        ([[person("x", *[vote("p1", "p2", "left")] * 2)]], "57d1", "'x': films p1 and p2 were voted on twice"),
        ([[STEADY], [{**LEFTIST, "participant": "steady"}]], "57d1", "'steady' voted otherwise in another file"),
        ([[{"name": "x"}]], "57d1", "people[0]: unknown setting 'name'"),
    ],
)
def test_votes_that_are_none_of_the_study_are_one_sentence(
    counted: Callable[..., subprocess.CompletedProcess], people: list, study_of_votes: str, says: str
) -> None:
    ended = counted(*people, study_of_votes=study_of_votes)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_files_that_hold_no_votes_are_one_sentence(tmp_path: Path) -> None:
    KEY.save(tmp_path / "key.json")
    (tmp_path / "no.json").write_text("{")
    for votes, key, says in (
        ("no.json", "key.json", "no.json: not JSON"),
        ("nowhere.json", "key.json", "nowhere.json: no such file. Give what the study's page lets people download."),
        ("key.json", "key.json", "key.json: unknown setting 'note'"),
        ("no.json", "no.json", "Give the .key.json that `lipsync-robot study make` wrote."),
    ):
        ended = study("count", tmp_path / votes, "--key", tmp_path / key)
        assert (ended.returncode, says in ended.stderr, "Traceback" in ended.stderr) == (2, True, False), ended.stderr


def test_the_sign_test_is_exact() -> None:
    assert [sign_test(0, 0), sign_test(3, 3), sign_test(5, 0), sign_test(1, 9)] == [1.0, 1.0, 2 / 32, 2 * (1 + 10) / 1024]
    for a, b in ((0, 1), (17, 40), (400, 300), (2, 2000)):
        assert sign_test(a, b) == pytest.approx(binomtest(a, a + b).pvalue, rel=1e-9)


def test_the_interval_is_wilsons() -> None:
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    for hits, tries in ((0, 1), (1, 1), (0, 30), (30, 30), (123, 456)):
        reference = binomtest(hits, tries).proportion_ci(method="wilson")
        assert wilson(hits, tries) == pytest.approx((reference.low, reference.high), abs=1e-6)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed to open the page in")
def test_a_person_votes_in_a_browser(made: tuple[Path, Key], tmp_path: Path) -> None:
    """By keys, always for A, and once for neither; the page is closed on the way and goes on where it was."""
    page, key = made
    of_a = {pair.a for pair in key.pairs}
    browser = Browser(tmp_path)
    try:

        def vote_for_a() -> None:
            browser.until("!answers[0].disabled")
            left = browser.value("films[0].src.split('/').pop().slice(0, -4)")
            browser.press("ArrowLeft" if left in of_a else "ArrowRight")

        def text(name: str) -> str:
            return browser.value(f"document.getElementById('{name}').innerText")

        def begin() -> None:
            browser.value("document.getElementById('start').click()")

        browser.open(page / "index.html")
        assert browser.value("document.title") == "Äh </script>"
        assert "Which one looks more natural?" in text("welcome")
        begin()
        assert text("count") == "1 of 4"
        browser.value("answer('left')")  # before anything was seen
        assert text("count") == "1 of 4"
        vote_for_a()
        assert text("count") == "2 of 4"
        vote_for_a()
        browser.value("document.body.textContent = 'not loaded anew'")
        browser.open(page / "index.html")
        assert text("start") == "Go on with 3 of 4"
        begin()
        browser.until("!answers[0].disabled")
        browser.press("n")
        assert browser.value("document.activeElement.className") == "question"  # focus goes on with the page
        vote_for_a()
        assert "Thank you!" in text("end")
        browser.value("document.getElementById('download').click()")
        downloaded = browser.until_downloaded()
        assert {Path(url).parent for url in browser.requests} == {Path(page.as_uri()), Path((page / "videos").as_uri())}
    finally:
        browser.close()
    ended = study("count", downloaded, "--key", page.with_name("page.key.json"), "--json")
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)
    assert [figures["overall"][choice] for choice in ("a", "b", "none")] == [2, 0, 1]
    assert figures["repeats"] == {"shown": 1, "alike": 1}
    assert (figures["participants"], figures["unfinished"]) == (1, 0)
