"""What `lipsync-robot bench` found, as a page: the figures, where the time goes, and how far that scales."""

import textwrap
from pathlib import Path
from typing import Any

from ..audio.mel import FRAME_RATE
from .bench_picture import draw

WIDTH = 128  # of the page's lines
FILM_RATE = 25  # pictures a second of VoxCeleb2
VOXCELEB2_H = 2400.0
APC_WEIGHTS = 4e6
STEP_OPERATIONS = 6  # for each weight and hop in training: two forwards, four back
GPU_FLOPS = 1e13  # that a GPU of today keeps up in a recurrent network
ROOM = 0.8  # of a core that may be used in the long run
LATE = ("p50", "p95", "p99", "p999", "max")
ROWS = {
    "composed": "all nodes in one process",
    "processes": "a process for each node",
    "composed_with_twin": "one process, with the twin's physics",
    "as_shipped": "one process, motion held back until its sound is heard",
}


def write(page: Path, figures: dict[str, Any]) -> None:
    """Writes page, a Markdown file, and a picture of the same name beside it."""
    picture = page.with_suffix(".png")
    draw(picture, figures)
    parts = [_head(page.name, picture.name, figures), _graph(figures), _stages(figures), _parts(figures), _scale(figures)]
    page.write_text("\n\n".join(parts) + "\n")


def _head(page: str, picture: str, figures: dict[str, Any]) -> str:
    versions = figures["versions"]
    told = _paragraph(
        f"""Measured by `lipsync-robot bench --report {page}` on {figures["cores"]} cores ({figures["processor"]}) without a
        GPU, Python {versions["python"]}, onnxruntime {versions["onnxruntime"]}, rclpy {versions["rclpy"]}: real speech in
        real time, {figures["seconds"]:g} s a run; the median of {figures["runs"]} runs in the first three lines. `make bench`
        measures your machine."""
    )
    return f"# Performance\n\n{told}\n\n![Where the time goes between sound and servo]({picture})"


def _graph(figures: dict[str, Any]) -> str:
    rows = [(words, figures[key]) for key, words in ROWS.items()]
    rows += [(f"one process, rclpy's {name}", row) for name, row in figures["executors"].items() if name != "TurnExecutor"]
    rows += [(f"{faces} robots at once, the worst of them", row) for faces, row in figures["faces"].items()]
    told = _paragraph(
        f"""From the last sample that a pose is made of to the first byte on the wire, in ms, beyond
        {figures["lookahead_ms"]:.0f} ms of look-ahead. Jitter is the 99th percentile of how far poses are from 20 ms
        apart; missed is what came a period late, or never; CPU is of one core, while nobody listens from outside;
        `starts` is from launch to the servos' first motion, with the twin to when it is heard of; half a second on purpose."""
    )
    table = [
        "| | p50 | p95 | p99 | p99.9 | max | jitter | missed / sent | CPU % | MB | starts, s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for words, row in rows:
        if row is None:
            table.append(f"| {words} | falls behind until nothing is in time any more ||||||||||")
            continue
        late = " | ".join(f"{row['latency_ms'][key]:.1f}" for key in LATE)
        cost = f"{row['cpu_percent_of_one_core']:.0f} | {row['rss_mb']:.0f} | {row['first_motion_s']:.1f}"
        missed = f"{row['missed_deadlines']:.0f} / {row['poses']:.0f}"
        table.append(f"| {words} | {late} | {row['jitter_ms']:.1f} | {missed} | {cost} |")
    runs = [
        f"{ROWS[key]}: "
        + ", ".join(" / ".join(f"{run['latency_ms'][name]:.1f}" for name in ("p50", "p99", "p999")) for run in each)
        for key in ("composed", "processes")
        if (each := figures[key].get("each"))
    ]
    singly = f"\n\n{_paragraph('p50 / p99 / p99.9 of each run, ' + '; '.join(runs) + '.')}" if runs else ""
    return f"## From sound to wire\n\n{told}\n\n" + "\n".join(table) + singly


def _stages(figures: dict[str, Any]) -> str:
    told = _paragraph(
        """From when one node published to when the next did, ms, in one process with somebody outside listening to every
        arrow, so that each message goes through DDS; and what each node costs as a process."""
    )
    stages = ["| published | p50 | p99 | max |", "|---|---|---|---|"]
    stages += [
        f"| {stage} | {took['p50']:.2f} | {took['p99']:.2f} | {took['max']:.2f} |"
        for stage, took in figures["stages_ms"].items()
    ]
    nodes = ["| node | CPU % | MB |", "|---|---|---|"]
    nodes += [
        f"| {name} | {row['cpu_percent_of_one_core']:.1f} | {row['rss_mb']:.0f} |"
        for name, row in figures["processes"]["nodes"].items()
    ]
    return f"## Stage by stage\n\n{told}\n\n" + "\n".join(stages) + "\n\n" + "\n".join(nodes)


def _parts(figures: dict[str, Any]) -> str:
    speech, inverse = figures["speech"], figures["inverse"]
    table = ["| part | ms |", "|---|---|", *[f"| {name} | {took:.3f} |" for name, took in figures["ms"].items()]]
    told = f"The speech networks take {speech['real_time_factor']:.3f} of real time."
    if figures["training"]:
        told += f""" A hop of APC that carries its state costs {speech["streaming_vs_sliced"]:.1f} times less in the int4 that a
        CPU runs than the seeds' slice of 25 hops in int4, int8 or float32, whichever is cheapest; in float32
        both, {speech["streaming_vs_sliced_float32"]:.1f} times less, and by ONNX Runtime {speech["onnx_vs_torch"]:.1f} times
        less than by torch. The inverse model is {inverse["speedup_vs_nearest_neighbour"]:.0f} times as fast as a nearest
        neighbour."""
    warm = _paragraph(
        """One thread, warm, the median of a call. In the graph, where a part runs once in 20 ms and finds the caches cold,
        it takes some two to four times as long."""
    )
    return f"## Each part alone\n\n{warm}\n\n" + "\n".join(table) + f"\n\n{_paragraph(told)}"


def _scale(figures: dict[str, Any]) -> str:
    cores, one, training = figures["cores"], figures["composed"]["cpu_percent_of_one_core"] / 100, figures["training"]
    mesh, arithmetic = figures["ms"]["FaceMesh, a picture"], figures["ms"]["apc + audio2landmark"]
    machine = f"""**One computer.** A face that speaks takes {one:.2f} of a core of this kind: {cores} cores hold about
        {cores * ROOM / one:.0f} of them in the long run, which the lines above for several robots bear out or not, and ten
        want {10 * one / ROOM:.1f} cores. The processor is the limit, and less the networks than what surrounds them: of
        {1000 * one / FRAME_RATE:.1f} ms a hop, {arithmetic:.2f} are the speech networks' arithmetic. A face that sees
        takes {mesh:.1f} ms more a picture, {mesh * 0.03:.2f} of a core at 30 pictures a second. A Jetson has six cores or
        more, each slower than a server's; one face that speaks and mirrors fits into one or two. Its GPU would save time
        only where the hops of many faces are run as one batch, which waits for the last of them."""
    parts = ["## How far it scales", _paragraph(machine)]
    if training:
        prepared, rates = training["prepared_pictures_per_s"], training["speech_s_per_s"]
        core_h, hops = VOXCELEB2_H * FILM_RATE / prepared, VOXCELEB2_H * 3600 * FRAME_RATE
        operations = APC_WEIGHTS * STEP_OPERATIONS * hops
        voxceleb = f"""**VoxCeleb2's {VOXCELEB2_H:.0f} hours.** Preparing goes through every picture, {prepared:.0f} a
        second and core: {core_h:.0f} core-hours, {core_h / 64:.0f} hours on 64 cores; `data prepare` splits it over a
        cluster as it is. One thread here trains APC on {rates["apc"]:.0f} s of speech a second and audio2landmark on
        {rates["audio2landmark"]:.0f}: {VOXCELEB2_H / rates["apc"]:.0f} and {VOXCELEB2_H / rates["audio2landmark"]:.0f}
        hours an epoch. An epoch of APC is {hops / 1e6:.0f} million hops and {operations / 1e15:.0f} PFLOP:
        {operations / GPU_FLOPS / 60:.0f} minutes on a GPU that keeps up {GPU_FLOPS / 1e12:.0f} TFLOP/s, and little more
        than an Nth of that on N of them, whose gradients are {4 * APC_WEIGHTS / 1e6:.0f} MB a step. That is arithmetic: no
        GPU was measured, and `train` uses one."""
        parts.append(_paragraph(voxceleb))
    return "\n\n".join(parts)


def _paragraph(words: str) -> str:
    return textwrap.fill(" ".join(words.split()), WIDTH, break_on_hyphens=False, break_long_words=False)
