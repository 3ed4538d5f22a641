"""`lipsync-robot bench`: what it measures of a running graph, on a short run of the real one."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from lipsync_robot.cli.bench import middle, table
from lipsync_robot.cli.bench_graph import STAGES, BenchError, Plan, measure, timing
from lipsync_robot.cli.bench_report import write
from lipsync_robot.cli.usage import processor, versions

AHEAD_S = 0.06
SECONDS = 2.0


def test_latency_jitter_and_misses_are_those_of_the_poses_sent() -> None:
    """Ten poses, 20 ms apart, sent 5 ms after their look-ahead; the fourth 30 ms late, the seventh not at all."""
    stamps = [round(1e9 * (100 + 0.02 * i)) for i in range(10) if i != 6]
    late_ms = [5, 5, 5, 30, 5, 5, 5, 5, 5]
    sent = {stamp: stamp + round(1e9 * AHEAD_S) + 1_000_000 * late for stamp, late in zip(stamps, late_ms, strict=True)}
    sent |= {stamp + 7_000_000: stamp + 7_000_000 for stamp in stamps}  # the guard's own
    figures = timing(sent, 0.0, 1000.0, AHEAD_S, held_s=0.0)
    assert figures["poses"] == 9 and figures["missed_deadlines"] == 2
    assert figures["latency_ms"]["p50"] == pytest.approx(5) and figures["latency_ms"]["max"] == pytest.approx(30)
    assert figures["jitter_ms"] == pytest.approx(25, abs=0.1)
    assert timing(sent, 0.0, 1000.0, AHEAD_S, held_s=0.02)["missed_deadlines"] == 1
    with pytest.raises(BenchError, match="hardly anything was sent"):
        timing(sent, 0.0, 50.0, AHEAD_S, held_s=0.0)


def test_figures_are_the_middle_of_all_runs() -> None:
    runs = [{"latency_ms": {"p50": value}, "rss_mb": 10 * value} for value in (3.0, 1.0, 2.0)]
    assert middle(runs) == {"latency_ms": {"p50": 2.0}, "rss_mb": 20.0, "each": runs}
    assert middle(runs[:1]) == runs[0]


def test_the_graph_is_measured_in_one_process_and_in_many(tmp_path: Path) -> None:
    composed = measure(Plan(stages=True), SECONDS, AHEAD_S)
    stages = composed.pop("stages_ms")
    assert tuple(stages) == STAGES and all(0 < took["p50"] <= took["max"] for took in stages.values())
    processes = measure(Plan(composed=False), SECONDS, AHEAD_S)
    assert set(processes["nodes"]) == {
        "audio_file", "speaker", "audio2landmark", "retarget", "inverse_model", "motor_driver",
    }  # fmt: skip
    for figures in (composed, processes):
        assert figures["poses"] > 0 and 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p999"]
        assert figures["cpu_percent_of_one_core"] > 0 and figures["rss_mb"] > 50 and figures["first_motion_s"] > 0.5
    shown = {
        "runs": 1,
        "lookahead_ms": 1000 * AHEAD_S,
        "composed": composed,
        "composed_with_twin": composed,
        "processes": processes,
        "as_shipped": composed,
        "executors": {"TurnExecutor": composed, "SingleThreadedExecutor": composed, "MultiThreadedExecutor": None},
        "faces": {"2": measure(Plan(faces=2), SECONDS, AHEAD_S)},
        "stages_ms": stages,
        "ms": {"apc + audio2landmark": 0.3, "FaceMesh, a picture": 4.0},
        "seconds": SECONDS,
        "cores": 2,
        "processor": processor(),
        "versions": versions(),
        "speech": {
            "real_time_factor": 0.02,
            "streaming_vs_sliced": 14.0,
            "streaming_vs_sliced_float32": 7.0,
            "onnx_vs_torch": 5.0,
        },
        "inverse": {"speedup_vs_nearest_neighbour": 12.0},
        "training": {"prepared_pictures_per_s": 150.0, "speech_s_per_s": {"apc": 50.0, "audio2landmark": 200.0}},
    }
    console = Console(record=True, width=100)
    table(console, shown)
    told = console.export_text()
    assert f"{processes['latency_ms']['p99']:.1f}" in told and "falls behind" in told
    write(tmp_path / "bench.md", shown)
    assert f"| {composed['latency_ms']['p50']:.1f} |" in (tmp_path / "bench.md").read_text()
    assert np.asarray(Image.open(tmp_path / "bench.png")).std() > 10
    assert json.loads(json.dumps(shown)) == shown
