"""What is said now.   microphone -> [microphone] -> audio"""

import array
from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import Audio

from ..audio.mel import SAMPLE_RATE
from ..audio.microphone import Microphone
from . import common
from .common import parameter
from .diagnostics import Condition


@dataclass
class Params:
    device: str = parameter("", "PortAudio's name of the microphone or a part of it; empty for the default")


class MicrophoneNode(common.Configured):
    """`microphone` counts what was lost, and knows its clock."""

    def __init__(self) -> None:
        super().__init__("microphone")
        self._audio = self.create_publisher(Audio, "audio", common.SOUND)
        self.microphone = Microphone(self.declare(Params).device, self._heard)

    def condition(self) -> Condition:
        ear = self.microphone
        return Condition(figures={"overruns": ear.overruns, "card_ppm": ear.clock.ppm, "relocks": ear.clock.relocks})

    def destroy_node(self) -> None:
        if hasattr(self, "microphone"):
            self.microphone.close()
        super().destroy_node()

    def _heard(self, samples: np.ndarray, captured: float) -> None:
        message = Audio(sample_rate=SAMPLE_RATE, samples=array.array("h", samples.tobytes()))
        message.header.stamp = common.to_stamp(captured)
        self._audio.publish(message)


main = common.run(MicrophoneNode)
