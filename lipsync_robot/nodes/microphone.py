"""What is said now.   microphone -> [microphone] -> audio"""

import array
import threading
from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import Audio

from ..audio.mel import SAMPLE_RATE
from ..audio.microphone import Microphone
from . import common, precedence
from .common import parameter
from .diagnostics import Condition


@dataclass
class Params:
    device: str = parameter("", "PortAudio's name of the microphone or a part of it; empty for the default")
    thread_priority: int = parameter(
        precedence.USUAL, "Real-time priority of the thread that listens, where its user may; 0 for none", 0, precedence.MOST
    )


class MicrophoneNode(common.Configured):
    """`microphone` counts what was lost, and knows its clock."""

    def __init__(self) -> None:
        super().__init__("microphone")
        self._params = self.declare(Params)
        self._audio = self.create_publisher(Audio, "audio", common.SOUND)
        self._priority, self._thread = 0, 0  # of the thread that listens, which is not this one
        self.microphone = Microphone(self._params.device, self._heard)

    def condition(self) -> Condition:
        ear = self.microphone
        figures: dict[str, float | str] = {"overruns": ear.overruns, "card_ppm": ear.clock.ppm, "relocks": ear.clock.relocks}
        wrong = [f"hears nothing: {ear.failure}"] if ear.failure else []
        return Condition(wrong=wrong, figures=figures | {"thread priority": self._priority})

    def destroy_node(self) -> None:
        if hasattr(self, "microphone"):
            self.microphone.close()
        super().destroy_node()

    def _heard(self, samples: np.ndarray, captured: float) -> None:
        if self._thread != (thread := threading.get_ident()):  # a new one, when the sound card had been away
            # While an ordinary thread holds Python's lock and waits for a processor, so does the driver.
            self._thread, self._priority = thread, precedence.take(self._params.thread_priority)
        message = Audio(sample_rate=SAMPLE_RATE, samples=array.array("h", samples.tobytes()))
        message.header.stamp = common.to_stamp(captured)
        self._audio.publish(message)


main = common.run(MicrophoneNode)
