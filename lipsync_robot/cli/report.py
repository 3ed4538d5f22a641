"""What a speaking run measured: latency, sync, cost, as a dictionary for programs and a short table for people."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from ..audio.mel import SAMPLE_RATE
from ..face.landmarks import aperture
from ..face.scores import Series, lag
from ..nodes.recorder import RecorderNode
from ..twin import video as films
from ..vision import video
from ..vision.facemesh import FaceMesh
from .usage import Usage, versions

SHORTEST_S = 1.0  # of a film whose lips can be told to be in step with anything


def report(
    console: Console, recorder: RecorderNode, figures: dict[str, Any], usage: Usage, film: Path | None
) -> dict[str, Any]:
    """The figures of one run; writes the film, where one is wanted, and measures the sync of lips and sound in it."""
    lookahead_ms = 1000 * figures["lookahead_s"]
    driver = figures["punctuality"]
    ages = {key: driver.get(f"wire_{key}_ms") for key in ("p50", "p95", "p99", "max")}
    result: dict[str, Any] = {
        "duration_s": round(recorder.duration_s, 3),
        "frames": recorder.faces,
        "lookahead_ms": round(lookahead_ms, 1),
        "held_back_ms": round(max(0.0, 1000 * figures["held_back_s"] - lookahead_ms), 1),
        "latency_ms": {key: None if age is None else round(age - lookahead_ms, 2) for key, age in ages.items()},
        "sync_offset_ms": None,
        "aperture_r": None,
        "missed_deadlines": figures["missed"],
        "cpu_percent_of_one_core": round(usage.cpu_percent_of_one_core, 1),
        "peak_rss_mb": round(usage.peak_rss_mb, 1),
        "silent": figures["silent"],
        "providers": figures["providers"],
        "versions": versions(),
    }
    if film is not None:
        result |= _film(console, recorder, figures["playback_delay_s"], figures["face"], film)
    return result


def _film(console: Console, recorder: RecorderNode, delay: float, face: str, path: Path) -> dict[str, Any]:
    stamp, sound = recorder.sound()
    stamps, asked = recorder.asked()
    with console.status(" filming") as status:
        films.film(
            path, *recorder.joints(), sound, SAMPLE_RATE, stamp + delay,
            lambda share: status.update(f" filming {100 * share:.0f} %"), face,
        )  # fmt: skip
    moments, seen = seen_apertures(console, video.frames(path))
    if len(seen) < SHORTEST_S * films.FRAME_RATE or np.ptp(asked) < 0.05:  # a mouth that hardly moves has no sync
        return {}
    wanted = np.interp(stamp + moments, stamps, asked)
    offset = lag(seen, wanted, films.FRAME_RATE)
    return {"sync_offset_ms": round(1000 * offset.seconds, 1), "aperture_r": round(offset.correlation, 3)}


def seen_apertures(console: Console, frames: video.Frames) -> Series:
    """The moments (s) of the frames in which FaceMesh finds a face, and the mouth openings (cm) it sees."""
    mesh = FaceMesh()
    watched = track(frames, " measuring", console=console, transient=True)
    faces = [(moment, face.points) for moment, picture in watched if (face := mesh(picture)) is not None]
    mesh.close()
    return Series(np.array([moment for moment, _ in faces]), np.array([aperture(points) for _, points in faces]))


def table(console: Console, result: dict[str, Any], written: list[Path]) -> None:
    """One line per fact."""
    latency = result["latency_ms"]
    if latency["p50"] is not None:
        console.print(
            f" sound to wire   p50 {latency['p50']:.1f} ms   p99 {latency['p99']:.1f} ms   "
            f"after {result['lookahead_ms']:.0f} ms of look-ahead"
        )
        if result["held_back_ms"]:
            console.print(f" held back       {result['held_back_ms']:.0f} ms of that, until the sound is heard")
    if result["silent"]:
        console.print(" the recording is silent: the mouth stayed closed")
    if result["sync_offset_ms"] is not None:
        console.print(f" lips vs sound   {result['sync_offset_ms']:+.0f} ms      r {result['aperture_r']:.2f}")
    console.print(f" missed          {result['missed_deadlines']} of {result['frames']} poses")
    console.print(f" cost            {result['cpu_percent_of_one_core']:.0f} % of one core   {result['peak_rss_mb']:.0f} MB")
    if written:
        console.print(escape(f" wrote {', '.join(map(str, written))}"))
