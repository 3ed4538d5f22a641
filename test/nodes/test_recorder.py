"""The sound that goes into a film, whatever its stamps did."""

import array

import numpy as np
import pytest
from lipsync_robot.msg import Audio

from lipsync_robot.nodes import common
from lipsync_robot.nodes.recorder import RecorderNode


@pytest.mark.parametrize(
    ("stamps", "length"),
    [
        ([10.0, 10.02, 10.04], 960),  # in a row
        ([10.0, 10.02, 10.10], 1920),  # 60 ms were lost: they are silent
        ([10.0, 10.02, 9.99], 640),  # a stamp that jumps back brings nothing new
        ([1.05, 1.02, 1.04], 320),
    ],
)
def test_gaps_are_silent_and_nothing_is_heard_twice(ear, stamps: list[float], length: int) -> None:
    recorder = RecorderNode()
    ear.add(recorder)
    sound = ear.node.create_publisher(Audio, "audio", common.SOUND)
    assert ear.until(sound.get_subscription_count)
    for i, stamp in enumerate(stamps):
        message = Audio(sample_rate=16_000, samples=array.array("h", [i + 1] * 320))
        message.header.stamp = common.to_stamp(stamp)
        sound.publish(message)
    assert ear.until(lambda: recorder.duration_s == pytest.approx(0.06))
    first, line = recorder.sound()
    assert first == pytest.approx(stamps[0])
    assert len(line) == length
    assert set(np.unique(line)) <= {0, 1, 2, 3}
    recorder.destroy_node()
