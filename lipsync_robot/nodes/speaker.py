"""Sound -> loudspeaker, as late as the motion.   audio, audio/void -> [speaker]"""

from dataclasses import dataclass

import numpy as np

from lipsync_robot.msg import Audio

from ..audio.playback import Speaker
from . import common
from .common import parameter
from .diagnostics import Condition
from .void import Void


@dataclass
class Params:
    device: str = parameter("", "PortAudio's name of the loudspeaker or a part of it; empty for the default")
    playback_delay_s: float = parameter(0.15, "Sound is heard this long after its stamp; the same as motor_driver's", 0.0, 5.0)


class SpeakerNode(common.Configured):
    """Without a sound device the sound still has its moment, stamp + playback_delay_s, at which the video places it.

    `speaker` counts what was not heard in time, and knows its clock.
    """

    def __init__(self) -> None:
        super().__init__("speaker")
        params = self.declare(Params)
        self._delay = params.playback_delay_s
        self.speaker = Speaker(params.device)
        if self.speaker.silent_because:
            self.get_logger().info(f"plays nothing: {self.speaker.silent_because}")
        self.create_subscription(Audio, "audio", self._on_audio, common.SOUND)  # first: its diagnostics are those of sound
        self._void = Void(self, self.speaker.clear)

    def condition(self) -> Condition:
        why, clock = self.speaker.silent_because, self.speaker.clock
        counts = {
            "underruns": self.speaker.underruns,
            "skips": self.speaker.skips,
            "card_ppm": clock.ppm,
            "relocks": clock.relocks,
        }
        return Condition(
            wrong=[f"plays nothing: {self.speaker.failure}"] if self.speaker.failure else [],
            doubtful=[f"plays nothing: {why}"] if why else [],
            figures={} if why else counts,
        )

    def destroy_node(self) -> None:
        if hasattr(self, "speaker"):
            self.speaker.close()
        super().destroy_node()

    def _on_audio(self, message: Audio) -> None:
        if self._void.spares(message):
            moment = common.seconds(message.header.stamp) + self._delay
            self.speaker.play(np.frombuffer(message.samples, np.int16), moment)


main = common.run(SpeakerNode)
