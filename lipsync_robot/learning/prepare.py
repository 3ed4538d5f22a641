"""A corpus of talking heads, of any size, to shards of training clips, on one machine or a cluster.

Dask distributes the work, one task a shard. It was chosen over Ray because it is pure Python wheels for 3.10 to 3.12, starts
on SLURM through dask-jobqueue, and its scheduler by itself gives the task of a worker that was lost to another one. Every
worker must see corpus and output under the same paths. Memory is constant but for the list of names: a worker holds one clip,
a shard lies on disk before its task ends, and only a few tasks per worker are submitted ahead.
"""

import hashlib
import json
import logging
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from distributed import Client, Future, LocalCluster, as_completed

from ..errors import BadInputError
from ..vision import video
from . import cleaning, corpus, shards
from .extraction import extract
from .progress import deaf, track
from .written import written

AHEAD = 3  # tasks per worker that are submitted, the running one included
SURE_R = 0.5  # of sound and picture, from which the estimated offset of a clip counts in the summary
SETTINGS, BIT_RATES = "settings.json", "bitrates.npy"


@dataclass(frozen=True)
class Summary:
    kept: int
    hours: float
    dropped: dict[str, int]  # clips by reason, most frequent first
    median_lead_ms: float | None  # of the picture, over the clips whose sound and picture agree


@dataclass(frozen=True)
class Choice:
    """Which clips are kept, and how many go into a shard."""

    centerness_deg: float = cleaning.Limits().centerness_deg
    shakiness_deg: float = cleaning.Limits().shakiness_deg
    top: int = 0  # clips of highest bit rate that are looked at; 0: all
    shard_size: int = 64

    @property
    def limits(self) -> cleaning.Limits:
        return cleaning.Limits(self.centerness_deg, self.shakiness_deg)


def prepare(folder: Path, output: Path, choice: Choice, workers: int, scheduler: str | None = None) -> Summary:
    """Prepares what output does not hold yet. scheduler: address of a running Dask scheduler; otherwise `workers` processes."""
    found = corpus.recordings(folder)
    layout = corpus.layout(folder)
    output = output.resolve()
    _same_as_before(output, choice, found)
    with _connected(scheduler, min(workers, -(-len(found) // choice.shard_size))) as client:
        rates = _bit_rates(client, found, layout, output) if choice.top else None
        chosen, left_out = _highest(found, rates, choice.top)
        batches = [chosen[i : i + choice.shard_size] for i in range(0, len(chosen), choice.shard_size)]
        missing = [number for number in range(len(batches)) if not shards.whole(output, number)]
        jobs = ((output, number, batches[number], layout, choice.limits) for number in missing)
        clips = sum(len(batches[number]) for number in missing)
        try:
            for _ in track(_each(_results(client, _make_shard, jobs)), f"preparing {folder.name}", clips):
                pass
        except BadInputError:
            shards.finish(output, left_out)  # what is whole can be learned from
            raise
    shards.finish(output, left_out)
    return _summarise(output, choice.limits)


def _make_shard(
    output: Path, number: int, batch: list[corpus.Recording], layout: corpus.Layout, limits: cleaning.Limits
) -> int:
    shards.write(output, number, (extract(recording, layout, limits) for recording in batch))
    return len(batch)


def _same_as_before(output: Path, choice: Choice, found: list[corpus.Recording]) -> None:
    """Notes what output is being made of; what was begun otherwise would be a mixture, and is refused."""
    digest = hashlib.sha256()
    for recording in found:
        digest.update("\t".join(recording).encode())
    settings = {**asdict(choice), "clips": f"{len(found)} (names {digest.hexdigest()[:12]})"}
    path = output / SETTINGS
    if path.exists():
        before = json.loads(path.read_text())
        for key, value in settings.items():
            if before.get(key) != value:
                raise BadInputError(
                    f"{output}: was begun with {key} {before.get(key)}, now it is {value}. "
                    "Give the same corpus and options to go on, or another --output."
                )
        return
    output.mkdir(parents=True, exist_ok=True)
    with written(path) as partial:
        partial.write_text(json.dumps(settings, indent=2))


@contextmanager
def _connected(scheduler: str | None, workers: int) -> Iterator[Client]:
    if scheduler is None:
        with deaf():
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR)
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=5, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BadInputError(f"--scheduler {scheduler}: no Dask scheduler answers there. Start one: dask scheduler") from error
    with client:
        yield client


def _results(client: Client, task: Callable, jobs: Iterable[tuple]) -> Iterator:
    """What task returns for each job's arguments, as they end. Failed ones are told of when all others are done."""
    running, waiting, jobs = as_completed(loop=client.loop), 0, iter(jobs)
    failed: list[Future] = []
    while True:
        room = AHEAD * max(1, len(client.nthreads())) - waiting
        for job in islice(jobs, max(0, room)):
            running.add(client.submit(task, *job, pure=False))
            waiting += 1
        if not waiting:
            break
        ended = next(running)
        waiting -= 1
        if ended.status == "error":
            failed.append(ended)
        else:
            yield ended.result()
    if failed:
        raise BadInputError(
            f"{len(failed)} of the workers' tasks failed, the first with {failed[0].exception()!r}. "
            "All others are done, and can be used: mend that, and run the command again."
        )


def _each(counts: Iterable[int]) -> Iterator[None]:
    for count in counts:
        yield from [None] * count


def _bit_rates(client: Client, found: list[corpus.Recording], layout: corpus.Layout, output: Path) -> np.ndarray:
    """(clips,) kbit/s, 0 for what cannot be read; kept in output."""
    path = output / BIT_RATES
    if not path.exists():
        rates = np.zeros(len(found), np.float32)
        block = 256
        jobs = ((start, found[start : start + block], layout) for start in range(0, len(found), block))
        total = -(-len(found) // block)
        for start, some in track(_results(client, _bit_rates_of, jobs), "reading bit rates", total):
            rates[start : start + len(some)] = some
        with written(path) as partial, partial.open("wb") as file:
            np.save(file, rates)
    return np.load(path)


def _bit_rates_of(start: int, batch: list[corpus.Recording], layout: corpus.Layout) -> tuple[int, list[float]]:
    rates = []
    for recording in batch:
        try:
            rates.append(video.bit_rate_kbps(layout.video(recording)))
        except BadInputError:
            rates.append(0.0)
    return start, rates


def _highest(
    found: list[corpus.Recording], rates: np.ndarray | None, top: int
) -> tuple[list[corpus.Recording], Iterable[shards.Entry]]:
    """The `top` recordings of highest rate, in order of name, and an entry for each of the others."""
    if rates is None:
        return found, ()
    high = set(np.argsort(-rates, kind="stable")[:top].tolist())
    reason = f"not among the {top} of highest bit rate"
    others = (
        shards.Entry(recording.name, recording.person, bitrate_kbps=float(rates[i]), dropped=reason)
        for i, recording in enumerate(found)
        if i not in high
    )
    return [found[i] for i in sorted(high)], others


def _summarise(output: Path, limits: cleaning.Limits) -> Summary:
    """Reads the whole index once, and draws cleaning.png beside it."""
    dropped: Counter[str] = Counter()
    centerness, shakiness, leads = array("f"), array("f"), array("f")
    kept, seconds = 0, 0.0
    for entry in shards.entries(output):
        if entry.frames:
            centerness.append(entry.centerness_deg)
            shakiness.append(entry.shakiness_deg)
        if entry.dropped:
            dropped[entry.dropped.split(":")[0]] += 1
            continue
        kept += 1
        seconds += entry.frames / entry.frame_rate
        if entry.picture_leads_r >= SURE_R:
            leads.append(entry.picture_leads_ms)
    cleaning.picture(centerness, shakiness, limits, output / "cleaning.png")
    return Summary(kept, seconds / 3600, dict(dropped.most_common()), float(np.median(leads)) if leads else None)
