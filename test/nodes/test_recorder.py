"""The sound that goes into a film, whatever its stamps did."""

import array
import gc

import numpy as np
import pytest
from lipsync_robot.msg import Audio
from sensor_msgs.msg import JointState

from lipsync_robot.nodes import common
from lipsync_robot.nodes.recorder import RecorderNode


@pytest.mark.parametrize(
    ("stamps", "blocks"),
    [
        ([10.0, 10.02, 10.04], [1, 2, 3]),  # in a row
        ([10.0, 10.02, 10.10], [1, 2, 0, 0, 0, 3]),  # 60 ms were lost: they are silent
        ([10.0, 10.02, 9.99], [1, 2]),  # a stamp that jumps back brings nothing new
        ([1.05, 1.02, 1.04], [1]),
    ],
)
def test_gaps_are_silent_and_nothing_is_heard_twice(ear, stamps: list[float], blocks: list[int]) -> None:
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
    assert np.array_equal(line, np.repeat(blocks, 320))
    recorder.destroy_node()


def test_what_it_keeps_is_nothing_that_the_garbage_collector_looks_through(ear) -> None:
    recorder = RecorderNode()
    ear.add(recorder)
    sound = ear.node.create_publisher(Audio, "audio", common.SOUND)
    joints = ear.node.create_publisher(JointState, "twin/joints", common.MOTION)
    assert ear.until(lambda: sound.get_subscription_count() and joints.get_subscription_count())

    def hear(messages: int) -> int:
        """-> objects that are looked through, once so many more messages of each kind have been heard."""
        for _ in range(messages):
            heard = len(recorder.joints()[0])
            sound.publish(Audio(sample_rate=16_000, samples=array.array("h", [1] * 320)))
            joints.publish(JointState(name=["jaw"], position=array.array("d", [0.5])))
            assert ear.until(lambda heard=heard: len(recorder.joints()[0]) > heard)
        gc.collect()
        return len(gc.get_objects())

    few = hear(10)
    assert hear(300) - few < 100
    moments, positions = recorder.joints()
    assert positions.shape == (len(moments), 1)
    assert (positions == 0.5).all()
    recorder.destroy_node()
