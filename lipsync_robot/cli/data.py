"""`lipsync-robot data`: recordings to training data."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from ..errors import BadInputError
from ..learning.cleaning import Limits

data = typer.Typer(help="Recordings to training data.", no_args_is_help=True, add_completion=False)

LIMITS = Limits()


@data.command("prepare")
def prepare(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A corpus, or a folder of sound files.")],
    output: Annotated[Path, typer.Option(help="The folder to write shards to; for sound, the .npy file.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine, one core each.")] = os.cpu_count() or 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A running Dask scheduler whose workers do it, tcp://host:8786.")
    ] = None,
    shard_size: Annotated[int, typer.Option(min=1, help="Clips in a shard: what is redone after an interruption.")] = 64,
    centerness: Annotated[
        float, typer.Option(help="Drop faces turned away by so many degrees or more.")
    ] = LIMITS.centerness_deg,
    shakiness: Annotated[float, typer.Option(help="Drop heads that turn by so many a frame or more.")] = LIMITS.shakiness_deg,
    top: Annotated[int, typer.Option(min=0, help="Look only at so many clips of highest bit rate; 0: all.")] = 0,
    transcripts: Annotated[
        Path | None, typer.Option(help="What is said in a folder of sound files: a table of corpus, file, text[, phones].")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the transcripts, as espeak-ng names it: en, de, nl.")] = "en",
) -> None:
    """Talking heads to FaceMesh landmarks and log-mel; voices without faces to log-mel alone.

    DIR is laid out as VoxCeleb2 (mp4/ID/VIDEO/UTTERANCE.mp4 with
    aac/ID/VIDEO/UTTERANCE.m4a), as video/NAME.mp4 with audio/NAME.opus, or holds
    videos with their own sound. A clip is kept if it shows exactly one face that
    looks at the camera and is held still. OUTPUT/index.tsv says of every clip where
    it lies or why it was dropped; OUTPUT/cleaning.png shows what the limits cut off.

    Voices whose TRANSCRIPTS are given are aligned with their phones, which `train
    apc` and `train audio2landmark` learn to tell.

    Repeat an interrupted command: shards that are there are kept. On a cluster,
    start `dask scheduler` on one machine and, on each,
    `dask worker ADDRESS --nthreads 1 --nworkers CORES`; all must see DIR and OUTPUT
    under the same paths.
    """
    from ..learning import corpus

    console = Console(stderr=True, highlight=False)
    if not folder.is_dir():
        raise BadInputError(f"{folder}: no such folder.")
    if corpus.has_video(folder):
        from ..learning import prepare as talking

        if transcripts:
            raise BadInputError(f"{folder}: holds videos. --transcripts are for voices without faces: leave it out.")
        choice = talking.Choice(centerness, shakiness, top, shard_size)
        found = talking.prepare(folder, output, choice, workers, scheduler)
        console.print(f" kept    {found.kept} clips, {found.hours:.2f} h")
        for reason, count in found.dropped.items():
            console.print(f" dropped {count} clips: {reason}")
        if found.median_lead_ms is not None:
            console.print(f" picture ahead of sound by {found.median_lead_ms:+.0f} ms (median; index.tsv has each clip's)")
    elif corpus.has_sound(folder):
        from ..learning import sound

        if output.exists():
            if transcripts and not sound.phones_of(output).exists():
                raise BadInputError(f"{output}: was packed without transcripts. Remove it to pack it with them.")
            console.print(f" {output} is there already; remove it to pack it anew")
            return
        spoken = sound.Spoken(transcripts, language) if transcripts else None
        for line in sound.prepare(folder, output, workers, spoken):
            console.print(f" dropped {line}")
    else:
        raise BadInputError(f"{folder}: holds no video and no sound. docs/training.md shows how a corpus is laid out.")
    console.print(f" wrote {output}")


@data.command("expressions")
def expressions(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A corpus, or any folder of videos of faces.")],
    output: Annotated[Path, typer.Option(help="The folder to write a file for each clip to.")],
    split: Annotated[str | None, typer.Option(help="Only clips that the corpus's table puts into this split.")] = None,
    picture: Annotated[Path | None, typer.Option(help="PNG to write: distance and acceleration, expressions marked.")] = None,
) -> None:
    """Videos to expressions that go from a stable start to one clear peak, for `train predictor`.

    A person is the corpus's table's, else the first folder of a clip's name, or the
    clip. Repeat an interrupted command: clips that are there are kept.
    """
    from collections import Counter

    from ..learning import corpus
    from ..learning import expressions as learned
    from .predictor import configured

    console = Console(stderr=True, highlight=False)
    if not folder.is_dir():
        raise BadInputError(f"{folder}: no such folder.")
    if not corpus.has_video(folder):
        raise BadInputError(f"{folder}: holds no video. docs/training.md shows how a corpus is laid out.")
    config = configured()
    for line in learned.follow(folder, output, split):
        console.print(escape(f" dropped {line}"))
    clips = learned.load(output)
    sorted_out = [learned.expressions(clip, config.signs, config.limits) for clip in clips]
    kept, dropped = sum(len(each) for each, _ in sorted_out), sum((each for _, each in sorted_out), Counter[str]())
    people, minutes = len({clip.person for clip in clips}), sum(clip.seconds for clip in clips) / 60
    console.print(f" kept    {kept} expressions, people {people}, clips {len(clips)}, {minutes:.1f} min")
    for reason, count in dropped.most_common():
        console.print(f" dropped {count}: {reason}")
    for clip in clips:
        if not len(clip.stamps):
            console.print(f" no face in {clip.name}")
    if picture:
        from ..learning import predictor_pictures

        picture.parent.mkdir(parents=True, exist_ok=True)
        predictor_pictures.curves(picture, clips, config)
    console.print(f" wrote {output}")
