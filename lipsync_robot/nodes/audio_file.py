"""A recording, as if it were spoken now.   file -> [audio_file] -> audio"""

import array
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lipsync_robot.msg import Audio

from ..audio import files
from ..audio.mel import SAMPLE_RATE
from ..audio.pacing import HOP_S, Pace, blocks
from . import common
from .common import parameter
from .diagnostics import Condition

SILENCE = 33  # of 32768: -60 dB, below what any microphone in a room records of a voice
TAIL_S = 0.6  # of silence after the recording, in which the mouth closes
AHEAD = 8  # blocks that are decoded at a time: 20 ms apart each finds cold caches, and costs five times as much
START_S = 0.5  # after everybody listens: two ends of a topic do not find each other in the same instant


@dataclass
class Params:
    file: str = parameter("", "Path of the sound file")
    await_chain: bool = parameter(True, "Start only once every arrow from sound to motor has somebody at its end")


class AudioFileNode(common.Configured):
    """`finished` turns true when the last block, and the silence after it, has been published."""

    def __init__(self) -> None:
        super().__init__("audio_file")
        self._params = self.declare(Params)
        self.finished = False
        self.spoken_s = 0.0
        self.silent = True
        silence = np.zeros(round(TAIL_S * SAMPLE_RATE), np.float32)
        rest = _some_at_a_time(blocks(itertools.chain(files.decode(Path(self._params.file)), [silence])))
        self._blocks = itertools.chain([next(rest)], rest)  # so that an unusable file is an error now, not in mid-speech
        self._pace = Pace()
        self._audio = self.create_publisher(Audio, "audio", common.SOUND)
        self._timer = self.create_timer(HOP_S, self._speak)

    def condition(self) -> Condition:
        waits = self._pace.next is None
        return Condition(well="finished" if self.finished else "waits until every node to the motors listens" if waits else "")

    def _speak(self) -> None:
        """Publishes each block at the moment its last sample is spoken, as a microphone would."""
        if self.finished or not self._may_start():
            return
        for moment in self._pace.due(self.now()):
            block = next(self._blocks, None)
            if block is None:
                self.finished = True
                return
            self.silent = bool(self.silent and np.abs(block.astype(int)).max() < SILENCE)
            message = Audio(sample_rate=SAMPLE_RATE, samples=array.array("h", block.tobytes()))
            message.header.stamp = common.to_stamp(moment)
            self._audio.publish(message)
            self.spoken_s += HOP_S

    def _may_start(self) -> bool:
        if self._pace.next is None:
            if self._params.await_chain and not self.heard_to_the_end(self._audio):
                return False
            self._pace.start(self.now() + START_S)
            self._timer.reset()  # it and the blocks keep the same step from here on
        return True


def _some_at_a_time(each: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    while some := list(itertools.islice(each, AHEAD)):
        yield from some


main = common.run_until_finished(AudioFileNode)
