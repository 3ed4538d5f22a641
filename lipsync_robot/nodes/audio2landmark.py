"""Sound -> a human face that says it.   audio, audio/void -> [audio2landmark] -> human/landmarks"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import Audio, FaceLandmarks

from ..audio.files import FULL_SCALE
from ..face.profile import HumanFace
from ..inference import PROVIDERS
from ..speech.audio2landmark import Audio2Landmark, apc_of
from ..speech.blink import Blinks
from . import common
from .common import parameter
from .diagnostics import Condition
from .void import Void


@dataclass
class Params:
    audio2landmark: str = parameter(
        "models/audio2landmark.onnx", "Network from speech representation to landmarks; apc.onnx beside it goes with it"
    )
    providers: list = parameter(list(PROVIDERS), "ONNX Runtime execution providers, tried in order")
    human_face: str = parameter("models/human_face.npz", "The face that speaks: how it is at rest")
    mouth_gain: float = parameter(1.0, "How far the mouth moves against what was learned from people", 0.0, 3.0, True)
    blinks: bool = parameter(True, "Blink about once in five seconds", live=True)
    blink_seed: int = parameter(0, "The same seed gives the same blinks")


class Audio2LandmarkNode(common.Configured):
    def __init__(self) -> None:
        super().__init__("audio2landmark")
        params = self._params = self.declare(Params)
        network = common.shared_file(params.audio2landmark)
        self.model = Audio2Landmark(
            apc_of(network),
            network,
            HumanFace.load(common.shared_file(params.human_face)).static,
            tuple(params.providers),
        )
        self._blinks = Blinks(params.blink_seed)
        self._faces = self.create_publisher(FaceLandmarks, "human/landmarks", common.MOTION)
        self.void = Void(self, self.model.reset)
        self.create_subscription(Audio, "audio", self._on_audio, common.SOUND)

    def condition(self) -> Condition:
        return Condition(figures={"provider": self.model.provider})

    def _on_audio(self, message: Audio) -> None:
        for face in self.answers(message):
            self._faces.publish(face)

    def answers(self, message: Audio) -> Iterator[FaceLandmarks]:
        """What is said after each block of sound, by the live node and by one that is replayed."""
        if not self.void.spares(message):
            return
        stamp = common.seconds(message.header.stamp)
        self.model.mouth_gain = self._params.mouth_gain
        samples = np.frombuffer(message.samples, np.int16) / np.float32(FULL_SCALE)
        for face in self.model(samples, stamp):
            points = self._blinks(face.points, face.stamp) if self._params.blinks else face.points
            out = FaceLandmarks(points=points.astype(np.float32, copy=False).ravel())
            out.header.stamp = common.to_stamp(face.stamp)
            yield out


main = common.run(Audio2LandmarkNode)
