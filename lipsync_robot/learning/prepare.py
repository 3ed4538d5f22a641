"""Talking-head video to training clips: FaceMesh per frame, metric face, aligned log-mel. One .npz a clip, resumable.

A corpus is a folder with video/<name>.mp4 and audio/<name>.opus, both starting at 0 (../docs/training.md). Each prepared
clip holds `landmarks` (frames, 468, 3) float32 cm in the metric face, `frame_rate` in Hz, and `mel` (hops, 80) float32 dB
at 50 Hz whose frame i is centred on the moment i / 50 s of the picture.
"""

import multiprocessing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..audio import files
from ..audio.mel import LogMel
from ..errors import BadInputError
from ..vision import video
from ..vision.facemesh import FaceMesh
from .progress import track

SOUND = (".opus", ".wav", ".flac", ".m4a", ".mp3", ".ogg")


class Job(NamedTuple):
    video: Path
    audio: Path
    output: Path


def prepare(corpus: Path, output: Path, workers: int) -> list[str]:
    """Prepares every clip of a corpus that output does not hold yet -> a line for each clip that was dropped, and why."""
    jobs = [job for job in _jobs(corpus, output) if not job.output.exists()]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        results = track(pool.imap_unordered(_prepare_clip, jobs), f"preparing {corpus.name}", len(jobs))
        return [dropped for dropped in results if dropped]


def _jobs(corpus: Path, output: Path) -> list[Job]:
    videos = sorted((corpus / "video").rglob("*.mp4"))
    if not videos:
        raise BadInputError(f"{corpus}: holds no video/**/*.mp4. Lay the corpus out as docs/training.md shows.")
    jobs = []
    for path in videos:
        name = path.relative_to(corpus / "video").with_suffix("")
        jobs.append(Job(path, sound_of(corpus, str(name)), output / name.with_suffix(".npz")))
    return jobs


def sound_of(corpus: Path, name: str) -> Path:
    """Where a clip's sound lies: audio/<name>.*, or else its video."""
    sounds = [corpus / "audio" / f"{name}{suffix}" for suffix in SOUND]
    return next((sound for sound in sounds if sound.exists()), corpus / "video" / f"{name}.mp4")


def _prepare_clip(job: Job) -> str | None:
    mesh = FaceMesh()
    moments, faces = [], []
    for moment, picture in video.frames(job.video):
        face = mesh(picture)
        if face is None:
            return f"{job.video}: no face at {moment:.2f} s"
        moments.append(moment)
        faces.append(face.points)
    mesh.close()
    if len(faces) < 2:
        return f"{job.video}: fewer than two frames"
    job.output.parent.mkdir(parents=True, exist_ok=True)
    partial = job.output.with_suffix(".partial.npz")  # renamed when whole, so that an interrupted run leaves no half clip
    np.savez(
        partial,
        landmarks=np.asarray(faces, np.float32),
        frame_rate=(len(moments) - 1) / (moments[-1] - moments[0]),
        mel=LogMel()(files.read(job.audio)),
    )
    partial.rename(job.output)
    return None
