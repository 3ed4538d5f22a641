"""A person's face -> the face that it is about to be.   human/observed -> [predictor] -> human/landmarks"""

from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import FaceLandmarks

from ..face.landmarks import POINTS
from ..inference import PROVIDERS
from ..vision.expression import Predictor
from . import common
from .common import parameter
from .diagnostics import Condition


@dataclass
class Params:
    model: str = parameter("models/predictor.onnx", "Network from the beginning of an expression to its peak")
    providers: list = parameter(list(PROVIDERS), "ONNX Runtime execution providers, tried in order")


class PredictorNode(common.Configured):
    """What is foretold has the stamp of the picture that it was foretold in."""

    def __init__(self) -> None:
        super().__init__("predictor")
        params = self.declare(Params)
        self.predictor = Predictor(common.shared_file(params.model), providers=tuple(params.providers))
        self._faces = self.create_publisher(FaceLandmarks, "human/landmarks", common.MOTION)
        self.create_subscription(FaceLandmarks, "human/observed", self._on_face, common.MOTION)

    def condition(self) -> Condition:
        return Condition(
            well="ahead of the person" if self.predictor.is_anticipating else "",
            figures={"provider": self.predictor.provider, "anticipated": self.predictor.fired},
        )

    def _on_face(self, message: FaceLandmarks) -> None:
        points = self.predictor(message.points.reshape(POINTS, 3), common.seconds(message.header.stamp))
        self._faces.publish(FaceLandmarks(header=message.header, points=points.astype(np.float32).ravel()))


main = common.run(PredictorNode)
