"""What a voice says, in words, where ROS4HRI is installed.   audio, audio/void -> [recogniser] -> /humans/voices/<id>/speech

As ROS4HRI (REP 155) publishes voices: /humans/voices/tracked, and of this one `speech` and `is_speaking`. Nothing starts it by
itself: it costs more than all that makes a face speak.
"""

import uuid
from dataclasses import dataclass

import numpy as np
from std_msgs.msg import Bool

from lipsync_robot.msg import Audio

from ..audio.recognition import LANGUAGE, PATIENCE_S, Recogniser
from . import common
from .common import parameter
from .diagnostics import Condition
from .void import Void

try:
    from hri_msgs.msg import IdsList, LiveSpeech
except ModuleNotFoundError:  # PyPI does not have it
    AVAILABLE = False
else:
    AVAILABLE = True
    FIELDS = LiveSpeech.get_fields_and_field_types()
    LANGUAGES = {name: LANGUAGE for name in ("language", "locale") if name in FIELDS}  # by the version of hri_msgs

MISSING = "nothing is published: hri_msgs is not installed. Run: sudo apt-get install ros-$ROS_DISTRO-hri-msgs"


@dataclass
class Params:
    patience_s: float = parameter(PATIENCE_S, "Of silence that ends what is said", 0.2, 3.0)


class RecogniserNode(common.Configured):
    """`audio` is one voice, under one name for as long as the node runs."""

    def __init__(self) -> None:
        super().__init__("recogniser")
        params = self.declare(Params)
        self._voice = Voice(self, params.patience_s) if AVAILABLE else None
        self.create_subscription(Audio, "audio", self._on_audio, common.SOUND)  # first: its diagnostics are those of sound
        self._void = Void(self, self._voice.forget if self._voice else lambda: None)

    def condition(self) -> Condition:
        return Condition(doubtful=[] if self._voice else [MISSING])

    def _on_audio(self, message: Audio) -> None:
        if self._void.spares(message) and self._voice:
            self._voice(message)


class Voice:
    def __init__(self, node: common.Configured, patience_s: float) -> None:
        """Raises BadInputError where pocketsphinx is not installed."""
        self._recogniser = Recogniser(patience_s)
        self._name = f"v{uuid.uuid4().hex[:5]}"  # a name in ROS does not begin with a digit
        self._tracked = node.create_publisher(IdsList, "/humans/voices/tracked", 1)
        self._speech = node.create_publisher(LiveSpeech, f"/humans/voices/{self._name}/speech", common.MOTION)
        self._speaking = node.create_publisher(Bool, f"/humans/voices/{self._name}/is_speaking", common.MOTION)

    def __call__(self, message: Audio) -> None:
        """Publishes who is there, whether they speak, and each text that is new, stamped with the sound that completed it."""
        for said in self._recogniser(np.frombuffer(message.samples, np.int16)):
            out = LiveSpeech(
                incremental=said.text, final=said.text if said.final else "", confidence=said.confidence, **LANGUAGES
            )
            out.header.stamp = message.header.stamp
            self._speech.publish(out)
        self._speaking.publish(Bool(data=self._recogniser.speaking))
        self._tracked.publish(IdsList(header=message.header, ids=[self._name]))

    def forget(self) -> None:
        self._recogniser.reset()


main = common.run(RecogniserNode)
