"""`lipsync-robot study`: people compare films two at a time, blind; their votes are counted.

In place of the seeds' questionnaire (001, summer report, 6.1), which asked whether mimicry with or without the predictive
model is more natural.
"""

import json
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import av
import typer
from rich.console import Console
from rich.markup import escape

from ..errors import BadInputError
from ..learning.progress import track
from ..vision import video
from . import votes
from .evaluate import Json, figure, figure_table, wide_console

app = typer.Typer(
    help="People compare films two at a time, blind; their votes are counted.", no_args_is_help=True, add_completion=False
)

PAGE = Path(__file__).with_name("study_page.html")
PLAYABLE: tuple[set[str | None], ...] = (  # by every browser: picture, its pixels, sound
    {"h264", "vp9", "av1"},
    {"yuv420p", "yuvj420p"},
    {None, "aac", "mp3", "opus", "flac"},
)
NOTE = "Tells which film is whose. Keep it off the page's server and out of sight until all votes are in."


class Look(NamedTuple):
    """What tells two films apart before anything moves."""

    width: int  # pixels
    height: int
    sound: bool


@app.command("make")
def make(
    a: Annotated[Path, typer.Option("--a", help="Folder of MP4s, such as mimic/.")],
    b: Annotated[Path, typer.Option("--b", help="Folder of MP4s with the same names, such as coexpress/.")],
    output: Annotated[Path, typer.Option(help="The page's folder to make; OUTPUT.key.json beside it tells A from B.")],
    question: Annotated[str, typer.Option(help="What is asked of every pair.")] = "Which one looks more natural?",
    title: Annotated[str, typer.Option(help="Of the page.")] = "Two films at a time",
    control: Annotated[
        int, typer.Option(min=0, help="Pairs that are shown once more, sides swapped: does a person answer alike?")
    ] = 3,
) -> None:
    """Makes a web page that shows films of A and B side by side and asks which one is better.

    Films of the same name are a pair. The page opens from disk or from any web
    server, needs no network and sends nothing: votes stay in the browser until
    they are downloaded. Sides and order are drawn for each participant. Neither
    the page nor its films tell which is A's; only the key does. Examples:

      lipsync-robot study make --a out/mimic --b out/coexpress --output out/study

      lipsync-robot study count votes-*.json --key out/study.key.json
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    output = output.resolve()
    key_file = output.with_name(f"{output.name}.key.json")
    for path in (output, key_file):
        if path.exists():
            raise BadInputError(f"{path}: is there already, and votes may belong to it. Choose another --output.")
    films_a, films_b = _films(a), _films(b)
    names = sorted(films_a.keys() & films_b.keys())
    if not names or a.resolve() == b.resolve():
        raise BadInputError(f"{a} and {b}: no MP4 of the one has its like in the other. Films of a pair bear the same name.")
    looks = [_look_of_pair(films_a[name], films_b[name]) for name in track(names, "looking")]
    pairs = [votes.Pair(name, secrets.token_hex(6), secrets.token_hex(6)) for name in names]
    key = votes.Key(NOTE, secrets.token_hex(4), question, str(a), str(b), pairs)
    copies = {pair.a: films_a[pair.name] for pair in pairs} | {pair.b: films_b[pair.name] for pair in pairs}
    shown = {
        "id": key.study,
        "title": title,
        "question": question,
        "control": min(control, len(pairs)),
        "sound": any(look.sound for look in looks),
        "pairs": sorted(sorted((pair.a, pair.b)) for pair in pairs),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
        made = Path(folder) / "study"  # renamed when whole; the temporary one is closed to a web server
        (made / "videos").mkdir(parents=True)
        for film, source in track(sorted(copies.items()), "copying"):  # neither names nor times of writing go by A and B
            _copy_bare(source, made / "videos" / f"{film}.mp4")
        (made / "index.html").write_text(PAGE.read_text().replace("@STUDY@", json.dumps(shown).replace("<", "\\u003c")))
        key.save(key_file)
        made.rename(output)
    for folder_of, alone in ((a, films_a.keys() - names), (b, films_b.keys() - names)):
        if alone:
            console.print(escape(f" left out, as only {folder_of} has them: {', '.join(sorted(alone))}"))
    console.print(escape(f" {len(pairs)} pairs, {shown['control']} of them shown twice: open {output / 'index.html'}"))
    console.print(escape(f" {key_file} tells A from B: keep it away from those who vote"))


@app.command("count")
def count(
    files: Annotated[list[Path], typer.Argument(metavar="VOTES...", help="What the page's people downloaded.")],
    key: Annotated[Path, typer.Option(help="The key that `study make` wrote beside the page.")],
    json_output: Json = False,
) -> None:
    """Counts the votes of a study: whom people prefer, how sure that is, how steady they are.

    p is that of the exact two-sided sign test, "no difference" left out: how
    often chance alone prefers one side so clearly. The interval is Wilson's, of
    the share that prefers A. Votes of one person resemble each other, so `all
    votes` claims too much where few people vote often; `people` counts each
    person once, for the side chosen more often. What is shown once more counts
    only as a repeat.
    """
    opened = votes.Key.load(key)
    result = votes.count(votes.people_of(files, opened), opened)
    if json_output:
        print(json.dumps(result, indent=2))
        return
    console = wide_console()
    console.print(f" {result['question']}   A {result['a']}   B {result['b']}")
    console.print(f" pairs {len(result['pairs'])}, people {result['participants']}, not done {result['unfinished']}")
    table = figure_table("", "A", "B", "no difference", "A of A and B", "95 %", "p")
    for name, each in {"all votes": result["overall"], "people": result["people"], **result["pairs"]}.items():
        table.add_row(name, *(str(each[choice]) for choice in ("a", "b", "none")), *_shares(each))
    console.print(table)
    repeats, sides = result["repeats"], result["sides"]
    console.print(f" answered alike when shown again, sides swapped: {repeats['alike']} of {repeats['shown']}")
    console.print(f" chose left {sides['left']}, right {sides['right']}: p {sides['p']:.2g}")


def _shares(tally: dict[str, Any]) -> tuple[str, str, str]:
    if tally["share_a"] is None:
        return "", "", ""
    low, high = tally["share_a_interval"]
    return figure(tally["share_a"]), f"{figure(low)}…{figure(high)}", f"{tally['p']:.2g}"


def _films(folder: Path) -> dict[str, Path]:
    """The MP4s of a folder by their names; hidden files are a system's own."""
    if not folder.is_dir():
        raise BadInputError(f"{folder}: no such folder.")
    found = (path for path in folder.iterdir() if path.suffix.lower() == ".mp4" and not path.name.startswith("."))
    return {path.stem: path for path in found}


def _look_of_pair(a: Path, b: Path) -> Look:
    looks = _look(a), _look(b)
    if looks[0] != looks[1]:
        said = (f"{look.width}x{look.height} {'with' if look.sound else 'without'} sound" for look in looks)
        raise BadInputError(f"{a} is {' but '.join(said)} is {b}: people would tell them apart by that. Make them alike.")
    return looks[0]


def _look(path: Path) -> Look:
    with video.opened(path) as film:
        picture, sound = film.streams.video[0], next(iter(film.streams.audio), None)
        found = picture.codec.canonical_name, picture.pix_fmt, sound and sound.codec.canonical_name
        if any(each not in playable for each, playable in zip(found, PLAYABLE, strict=True)):
            raise BadInputError(
                f"{path}: not every browser plays {', '.join(filter(None, found))}. "
                f"Re-encode it: ffmpeg -i {path} -c:v libx264 -pix_fmt yuv420p -c:a aac NEW.mp4"
            )
        return Look(picture.width, picture.height, sound is not None)


def _copy_bare(source: Path, target: Path) -> None:
    """Picture and sound as they are, without what a container says of them: title, maker, dates, further tracks."""
    options = {"movflags": "faststart", "fflags": "bitexact"}
    with video.opened(source) as film, av.open(str(target), "w", format="mp4", options=options) as bare:
        tracks = (*film.streams.video[:1], *film.streams.audio[:1])
        kept = {each.index: bare.add_stream_from_template(each) for each in tracks}
        try:
            for packet in film.demux(tracks):
                if packet.dts is not None:  # the last of each track is empty
                    packet.stream = kept[packet.stream.index]
                    bare.mux(packet)
        except av.FFmpegError as error:
            raise video.VideoFileError(f"{source}: cannot be copied ({error.strerror}). Re-encode the file.") from error
