"""One talking-head clip to what is learned from: FaceMesh per frame, metric face, aligned log-mel. Seed 001, 2.1 and 2.2.

Exactly one face must be seen. Frames before its first and after its last appearance are cut off, the sound with them; where
it vanishes in between, the longest stretch is kept.
"""

import functools
from pathlib import Path

import numpy as np

from ..audio.mel import FRAME_RATE, SAMPLE_RATE, LogMel
from ..errors import BadInputError
from ..face import scores
from ..face.landmarks import CANONICAL, aperture
from ..face.metric import MetricFace
from ..resources import resource
from ..speech.audio2landmark import Audio2Landmark
from ..vision import video
from ..vision.facemesh import FaceCounter, FaceMesh
from . import cleaning
from .corpus import Layout, Recording
from .resampling import resample
from .shards import Clip, Entry

COUNT_EVERY_S = 1.0  # the pictures in which a second face is looked for


def extract(recording: Recording, layout: Layout, limits: cleaning.Limits) -> tuple[Entry, Clip | None]:
    """What was found in one recording, and the clip unless it was dropped."""
    entry = Entry(recording.name, recording.person)
    try:
        entry, clip = _extracted(entry, recording, layout, limits)
    except BadInputError as error:
        return entry._replace(dropped=f"unreadable: {error}"), None
    except Exception as error:  # whatever one file does to a decoder: the others of its shard must not be lost with it
        return entry._replace(dropped=f"unreadable: {error!r}"), None
    if clip is None:
        return entry, None
    lead = picture_lead(clip)
    return entry._replace(picture_leads_ms=1000 * lead.seconds, picture_leads_r=lead.correlation), clip


def _extracted(entry: Entry, recording: Recording, layout: Layout, limits: cleaning.Limits) -> tuple[Entry, Clip | None]:
    """Raises BadInputError."""
    path = layout.video(recording)
    entry = entry._replace(bitrate_kbps=video.bit_rate_kbps(path))
    followed = _follow(path)
    if followed is None:
        return entry._replace(dropped="more than one face"), None
    moments, faces = followed
    kept = cleaning.longest_stretch(np.array([face is not None for face in faces], bool))
    moments, seen = moments[kept], [face for face in faces[kept] if face is not None]
    if not seen:
        return entry._replace(dropped="no face"), None
    start, span = float(moments[0]), float(moments[-1] - moments[0])
    if span < cleaning.SHORTEST_S:
        return entry._replace(dropped=f"a face for less than {cleaning.SHORTEST_S:g} s"), None
    rate = (len(moments) - 1) / span
    poses = np.array([face.pose for face in seen])
    entry = entry._replace(
        start_s=start,
        frames=len(seen),
        frame_rate=rate,
        centerness_deg=cleaning.centerness(poses),
        shakiness_deg=cleaning.shakiness(poses, rate),
    )
    if entry.centerness_deg >= limits.centerness_deg:
        return entry._replace(dropped="turned away"), None
    if entry.shakiness_deg >= limits.shakiness_deg:
        return entry._replace(dropped="head moves too much"), None
    samples = layout.heard(recording.name)
    mel = LogMel()(samples[round(start * SAMPLE_RATE) : round((start + span + 1 / rate) * SAMPLE_RATE)])
    if len(mel) < cleaning.SHORTEST_S * FRAME_RATE:
        return entry._replace(dropped=f"sound for less than {cleaning.SHORTEST_S:g} s"), None
    points = np.array([face.points for face in seen], np.float32)
    points = resample(points, moments - start, np.arange(len(seen)) / rate)  # telephones film at a varying rate
    return entry, Clip(points, rate, mel)


def picture_lead(clip: Clip) -> scores.Lag:
    """How far the mouth in the picture runs ahead of the sound, within 0.2 s: by the opening that the sound asks for."""
    model = _model()
    padded = np.concatenate([clip.mel, np.repeat(clip.mel[-1:], model.lookahead, axis=0)])
    asked = aperture(CANONICAL.vertices + model.displacements(padded)[model.lookahead :])
    moments = np.arange(len(clip.landmarks)) / clip.frame_rate
    heard = np.arange(len(asked)) / FRAME_RATE
    both = moments <= heard[-1]
    return scores.lag(np.interp(moments[both], heard, asked), aperture(clip.landmarks[both]), clip.frame_rate)


def _follow(path: Path) -> tuple[np.ndarray, list[MetricFace | None]] | None:
    """The moment (frames,) s and the face, if any, of each frame; None as soon as there is more than one face."""
    mesh = FaceMesh()
    moments: list[float] = []
    faces: list[MetricFace | None] = []
    count_at = 0.0
    try:
        for moment, picture in video.frames(path):
            if moment >= count_at:
                count_at = moment + COUNT_EVERY_S
                if _counter()(picture) > 1:
                    return None
            moments.append(moment)
            faces.append(mesh(picture))
    finally:
        mesh.close()
    return np.array(moments), faces


@functools.cache  # once in each process
def _counter() -> FaceCounter:
    return FaceCounter()


@functools.cache
def _model() -> Audio2Landmark:
    """The one that ships."""
    return Audio2Landmark(resource("models/apc.onnx"), resource("models/audio2landmark.onnx"), CANONICAL.vertices, ("cpu",))
