"""What was said, asked for and done, for the video and the report.   audio, human/landmarks, twin/joints -> [recorder]"""

from array import array
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import JointState

from lipsync_robot.msg import Audio, FaceLandmarks

from ..audio.mel import SAMPLE_RATE
from ..face.landmarks import POINTS, aperture
from . import common
from .common import parameter


@dataclass
class Params:
    film: bool = parameter(True, "Keep the sound and the twin's joints; without, only lengths and mouth openings")


class RecorderNode(common.Configured):
    """Moments are seconds since the epoch; the face is stamped with its sound, the joints with the time of the simulation."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self._keeps = self.declare(Params).film
        # Kept as they come, 115 MB an hour: to move millions of samples to where there is room for more takes two poses' time,
        # and to write them to a disk as long, now and then. As bytes: the garbage collector looks through arrays, of which
        # those of a quarter of an hour took it four poses' time.
        self._sound: list[bytes] = []
        self._sound_begins: list[tuple[float, int]] = []  # (stamp, sample) of each stretch without a gap
        self._samples = 0
        self._face_stamps, self._apertures = array("d"), array("d")
        self._joint_stamps = array("d")
        self._positions: list[bytes] = []
        self.create_subscription(Audio, "audio", self._on_audio, common.SOUND)
        self.create_subscription(FaceLandmarks, "human/landmarks", self._on_face, common.MOTION)
        if self._keeps:
            self.create_subscription(JointState, "twin/joints", self._on_joints, common.MOTION)

    @property
    def duration_s(self) -> float:
        return self._samples / SAMPLE_RATE

    @property
    def faces(self) -> int:
        return len(self._face_stamps)

    def sound(self) -> tuple[float, np.ndarray]:
        """The stamp of the first sample and all samples from there on, (n,) int16; gaps are silent."""
        if not self._samples:
            return 0.0, np.empty(0, np.int16)
        heard = np.frombuffer(b"".join(self._sound), np.int16)
        first = self._sound_begins[0][0]
        ends = [sample for _, sample in self._sound_begins[1:]] + [self._samples]
        line = np.empty(0, np.int16)
        for (stamp, begin), end in zip(self._sound_begins, ends, strict=True):
            at = round((stamp - first) * SAMPLE_RATE)
            gap = np.zeros(max(0, at - len(line)), np.int16)
            overlap = max(0, len(line) - at)  # stamps may jitter; what has been heard is not heard again
            line = np.concatenate([line, gap, heard[begin + overlap : end]])
        return first, line

    def asked(self) -> tuple[np.ndarray, np.ndarray]:
        """Stamps (n,) s and the mouth openings (n,) cm that speech asked for then."""
        return np.array(self._face_stamps), np.array(self._apertures)

    def joints(self) -> tuple[np.ndarray, np.ndarray]:
        """Moments (n,) s and where the twin's servos were, (n, motors) in 0..1."""
        moments = np.array(self._joint_stamps)
        return moments, np.frombuffer(b"".join(self._positions)).reshape(len(moments), -1 if len(moments) else 1)

    def _on_audio(self, message: Audio) -> None:
        stamp = common.seconds(message.header.stamp)
        expected = self._sound_begins[-1] if self._sound_begins else None
        if expected is None or abs(stamp - expected[0] - (self._samples - expected[1]) / SAMPLE_RATE) > 0.02:
            self._sound_begins.append((stamp, self._samples))
        if self._keeps:
            self._sound.append(message.samples.tobytes())
        self._samples += len(message.samples)

    def _on_face(self, message: FaceLandmarks) -> None:
        self._face_stamps.append(common.seconds(message.header.stamp))
        self._apertures.append(float(aperture(message.points.reshape(POINTS, 3))))

    def _on_joints(self, message: JointState) -> None:
        self._joint_stamps.append(common.seconds(message.header.stamp))
        self._positions.append(message.position.tobytes())
