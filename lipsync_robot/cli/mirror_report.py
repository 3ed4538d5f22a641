"""What a mirroring run measured: latency, faces lost, cost; and in its film, how alike person and twin are."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from ..audio import files
from ..audio.mel import SAMPLE_RATE
from ..face import landmarks, scores
from ..twin import side_by_side
from ..vision import video
from ..vision.facemesh import FaceMesh
from .usage import Usage, versions

ALIKE = {
    "mouth": landmarks.aperture,
    "width": landmarks.mouth_width,
    "brows": landmarks.brow_height,
    "eyes": landmarks.eye_opening,
}


def report(console: Console, figures: dict[str, Any], usage: Usage, film: Path | None, source: Path | None) -> dict[str, Any]:
    """The figures of one run; writes the film, where one is wanted, and compares its two faces. source: with the sound."""
    nodes, driver = figures["nodes"], figures["punctuality"]
    eyes = nodes["face_landmarks"]
    result: dict[str, Any] = {
        "pictures": eyes.pictures,
        "faces": eyes.found,
        "missed_pictures": nodes["camera"].missed,
        "latency_ms": {key: driver.get(f"wire_{key}_ms") for key in ("p50", "p95", "p99", "max")},
        "missed_deadlines": figures["missed"],
        "anticipated": nodes["predictor"].predictor.fired if "predictor" in nodes else None,
        "alike": None,
        "cpu_percent_of_one_core": round(usage.cpu_percent_of_one_core, 1),
        "peak_rss_mb": round(usage.peak_rss_mb, 1),
        "versions": versions(),
    }
    if film is not None:
        witness = nodes["witness"]
        sound = _sound(source, len(witness.moments))
        joint_moments, positions = nodes["recorder"].joints()
        with console.status(" filming") as status:
            wide = side_by_side.film(
                film, witness.moments, witness.pictures(), joint_moments, positions, sound, SAMPLE_RATE,
                lambda share: status.update(f" filming {100 * share:.0f} %"), figures["face"],
            )  # fmt: skip
        result["alike"] = alike(*seen(console, film, wide))
    return result


def seen(console: Console, path: Path, wide: int) -> tuple[np.ndarray, np.ndarray]:
    """FaceMesh on both sides of a film -> person, twin, each (n, 468, 3) cm, of the frames in which both are found."""
    meshes = FaceMesh(), FaceMesh()
    pairs = []
    for _, picture in track(video.frames(path), " measuring", console=console, transient=True):
        sides = np.ascontiguousarray(picture[:, :wide]), np.ascontiguousarray(picture[:, wide:])
        faces = [mesh(side) for mesh, side in zip(meshes, sides, strict=True)]
        if None not in faces:
            pairs.append([face.points for face in faces if face])
    for mesh in meshes:
        mesh.close()
    both = np.array(pairs).reshape(-1, 2, landmarks.POINTS, 3)
    return both[:, 0], both[:, 1]


def alike(person: np.ndarray, twin: np.ndarray) -> dict[str, Any] | None:
    """person, twin (n, 468, 3) cm at 25 Hz -> of each measure how well they correlate, and how far the twin trails, ms.

    One delay for all, that of the mouth; r is taken after it. None where there is too little to compare.
    """
    if len(person) < 2:
        return None
    late = scores.lag(landmarks.aperture(twin), landmarks.aperture(person), side_by_side.FRAME_RATE).seconds
    behind = max(0, round(late * side_by_side.FRAME_RATE))
    pairs = {name: (of(twin)[behind:], of(person)[: len(person) - behind]) for name, of in ALIKE.items()}
    r = {f"{name}_r": round(scores.correlation(follower, leader), 3) for name, (follower, leader) in pairs.items()}
    return r | {"lag_ms": round(1000 * late, 1), "frames": len(person)}


def _sound(source: Path | None, pictures: int) -> np.ndarray:
    """The film's own, (n,) int16; silence where there is none."""
    try:
        if source is not None and source.is_file():
            samples = files.read(source, video.after_sound_s(source))
            return np.rint(samples * (files.FULL_SCALE - 1)).astype(np.int16)
    except files.AudioFileError:
        pass  # a film without sound is a film
    return np.zeros(pictures * SAMPLE_RATE // side_by_side.FRAME_RATE, np.int16)


def table(console: Console, result: dict[str, Any], written: list[Path]) -> None:
    """One line per fact."""
    latency, alike = result["latency_ms"], result["alike"]
    if latency["p50"] is not None:
        console.print(f" picture to wire p50 {latency['p50']:.1f} ms   p99 {latency['p99']:.1f} ms")
    if alike:
        r = "   ".join(f"{name} {alike[f'{name}_r']:.2f}" for name in ALIKE)
        console.print(f" twin vs person  {alike['lag_ms']:+.0f} ms      r: {r}")
    if result["anticipated"] is not None:
        console.print(f" anticipated     {result['anticipated']} expressions")
    console.print(f" missed          {result['missed_deadlines']} of {result['faces']} poses")
    console.print(f" without a face  {result['pictures'] - result['faces']} of {result['pictures']} pictures")
    console.print(f" cost            {result['cpu_percent_of_one_core']:.0f} % of one core   {result['peak_rss_mb']:.0f} MB")
    if written:
        console.print(escape(f" wrote {', '.join(map(str, written))}"))
