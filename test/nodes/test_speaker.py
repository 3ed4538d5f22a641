"""What the loudspeaker plays, heard by the monitor of a sink that PulseAudio makes up."""

import numpy as np
import pytest
from lipsync_robot.msg import Audio
from std_msgs.msg import Header

from lipsync_robot.nodes import common

RATE = 16_000
SETTLED = 100  # blocks in which PulseAudio still adapts its latency
DELAY_S = 1.0
TONE_HZ, TONE_S = 500, 0.5


def test_sound_is_heard_as_late_as_the_motion_and_what_was_called_back_is_not(virtual_microphone, ear, start) -> None:
    heard = ear.hear(Audio, "heard", common.SOUND)
    start("microphone", "-p", "microphone:device:=pulse", "-r", "audio:=heard")
    start("speaker", "-p", "speaker:device:=pulse", "-p", f"speaker:playback_delay_s:={DELAY_S}")
    sound = ear.node.create_publisher(Audio, "audio", common.SOUND)
    void = ear.node.create_publisher(Header, common.VOID, common.MOTION)
    assert ear.until(lambda: sound.get_subscription_count() and void.get_subscription_count() and len(heard) > SETTLED)

    def now() -> float:
        return ear.node.get_clock().now().nanoseconds * 1e-9

    def say() -> float:
        """-> the moment of its first sample, s."""
        tone = (10_000 * np.sin(2 * np.pi * TONE_HZ * np.arange(round(TONE_S * RATE)) / RATE)).astype(np.int16)
        begins = now()
        for i, block in enumerate(tone.reshape(-1, 320)):
            message = Audio(sample_rate=RATE, samples=block)
            message.header.stamp = common.to_stamp(begins + 0.02 * i)
            sound.publish(message)
        return begins

    def loud_since(moment: float) -> np.ndarray:
        """Moments, s, of the blocks that were heard since then in which there is sound."""
        stamps = np.array([common.seconds(message.header.stamp) for message in heard])
        peaks = np.array([np.abs(np.asarray(message.samples, int)).max() for message in heard])
        return stamps[(stamps >= moment) & (peaks > 1000)]

    begins = say()
    assert ear.until(lambda: now() > begins + DELAY_S + TONE_S + 0.5)
    loud = loud_since(begins)
    assert loud[0] == pytest.approx(begins + DELAY_S, abs=0.15)
    assert len(loud) == pytest.approx(TONE_S / 0.02, abs=3)
    tone = np.concatenate([np.asarray(m.samples, float) for m in heard if common.seconds(m.header.stamp) in loud[2:-2]])
    assert np.abs(np.fft.rfft(tone)).argmax() * RATE / len(tone) == pytest.approx(TONE_HZ, abs=5)

    begins = say()
    void.publish(Header(stamp=common.to_stamp(now() + TONE_S)))
    assert ear.until(lambda: now() > begins + DELAY_S + TONE_S + 0.5)
    assert not len(loud_since(begins))
