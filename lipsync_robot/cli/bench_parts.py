"""Each part alone, on one thread: what a hop of speech costs, and what it would cost otherwise."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from ..audio import files
from ..audio.mel import FRAME_RATE, HOP, SAMPLE_RATE, LogMel
from ..face.profile import HumanFace
from ..face.retarget import Retarget, RobotFace
from ..motors import description
from ..motors.inverse import InverseModel
from ..resources import resource
from ..speech.audio2landmark import Audio2Landmark
from ..twin import video as films
from ..vision import video
from ..vision.facemesh import FaceMesh

KNOWN_FACES = 6000  # of a babble, that a nearest neighbour would be looked for among
FILM_S = 6.0


def parts(folder: Path) -> dict[str, Any]:
    """Costs in ms a hop or picture, and how they compare; what needs the training packages is left out without them.

    folder: takes a short film of the twin.
    """
    samples = files.read(resource("samples/avonlea.opus"))
    human, robot = HumanFace.load(resource("models/human_face.npz")), RobotFace.load(resource("models/twin_face.npz"))
    motors = description.load(resource("config/robots/twin.yaml"))
    speech = Audio2Landmark(resource("models/apc.onnx"), resource("models/audio2landmark.onnx"), human.static)
    inverse, retarget = InverseModel(resource("models/twin_inverse.onnx"), motors.names), Retarget(human, robot)

    mels = LogMel()(samples)
    faces = human.static + speech.displacements(mels)
    wishes = [retarget(face) for face in faces]
    commands = np.array([inverse(wish) for wish in wishes])
    began = time.process_time()
    said = sum(1 for i in range(0, len(samples), HOP) for _ in speech(samples[i : i + HOP], i / SAMPLE_RATE))
    spoken_s = said / FRAME_RATE
    real_time_factor = (time.process_time() - began) / spoken_s

    film = folder / "twin.mp4"
    moments = np.arange(round(FILM_S * FRAME_RATE)) / FRAME_RATE
    films.film(film, moments, commands[: len(moments)], (samples[: round(FILM_S * SAMPLE_RATE)] * 32767).astype(np.int16),
               SAMPLE_RATE, 0.0, lambda _: None, "canonical")  # fmt: skip
    pictures = [picture for _, picture in video.frames(film)]
    mesh = FaceMesh()
    stream = LogMel()
    hops = (samples[i : i + HOP] for i in cycle(range(0, len(samples) - HOP, HOP)))
    ms = {
        "log-mel": _ms(stream, hops),
        "apc + audio2landmark": _ms(speech.step, cycle(mels)),
        "retarget": _ms(retarget, cycle(faces)),
        "inverse model": _ms(inverse, cycle(wishes)),
        "FaceMesh, a picture": _ms(mesh, cycle(pictures), times=100),
    }
    mesh.close()
    figures: dict[str, Any] = {
        "ms": ms,
        "speech": {
            "real_time_factor": real_time_factor,
            "streaming_vs_sliced": None,
            "streaming_vs_sliced_float32": None,
            "onnx_vs_torch": None,
        },
        "inverse": {"ms": ms["inverse model"], "speedup_vs_nearest_neighbour": None},
        "training": None,
    }  # fmt: skip
    if importlib.util.find_spec("torch"):
        from ..learning import costs
        from ..learning.inverse import Faces
        from ..learning.inverse_scores import nearest_neighbour

        known = Faces(np.resize(wishes, (KNOWN_FACES, *wishes[0].shape)), np.resize(commands, (KNOWN_FACES, len(motors.names))))
        ms[f"nearest of {KNOWN_FACES} faces"] = _ms(nearest_neighbour(known), cycle(wishes))
        figures["inverse"]["speedup_vs_nearest_neighbour"] = ms[f"nearest of {KNOWN_FACES} faces"] / ms["inverse model"]
        hop = costs.speech()
        figures["speech"] |= {
            # int4 is what a CPU runs; of slices it would run whichever is cheapest.
            "streaming_vs_sliced": min(hop[f"sliced_{each}"] for each in costs.PRECISIONS) / hop["streaming_int4"],
            "streaming_vs_sliced_float32": hop["sliced_fp32"] / hop["streaming_fp32"],
            "onnx_vs_torch": hop["torch"] / hop["streaming_fp32"],
        }
        figures["training"] = {
            "speech_s_per_s": costs.training(),
            "prepared_pictures_per_s": costs.preparation(film),
        }
    return figures


def _ms(act: Callable[[Any], Any], given: Iterator[Any], times: int = 500) -> float:
    """Of one call, the median."""
    took = []
    for _ in range(times):
        one = next(given)
        began = time.perf_counter()
        act(one)
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))
